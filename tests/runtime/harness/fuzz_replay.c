/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzzer's target on files, where there is no libFuzzer: corpora, and inputs that once broke it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int main(int count, char **paths)
{
    static uint8_t data[1 << 16];
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (!file)
            return 2;
        const size_t bytes = fread(data, 1, sizeof data, file);
        fclose(file);
        LLVMFuzzerTestOneInput(data, bytes);
    }
    printf("%d files\n", count - 1);
    return 0;
}
