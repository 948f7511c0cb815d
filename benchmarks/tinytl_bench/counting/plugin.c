/* SPDX-License-Identifier: Apache-2.0
 * A QEMU plugin (TCG plugin API, version 1) that counts how often each translation block ran
 * between marks of the guest.
 *
 * A mark is an instruction that does nothing and that no compiler emits, the first of a function of its own:
 * `mov r11, r11` in Thumb and Arm code, `mov x11, x11` in A64. At each mark the counts since the one before are
 * written and flushed:
 *     M <mark number>
 *     <pc, hex> <instructions> <executions> <executions that did not go on to the next address>
 * A Linux program has a virtual processor a thread: counted is the one that set the latest mark, until then the
 * first.
 * Argument: out=FILE. The few declarations of the public plugin interface that it takes are written out below. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*executed_callback)(unsigned int cpu, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated_callback callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed_callback callback, int flags,
                                          void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, executed_callback callback, int flags,
                                            void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
enum { NO_REGISTERS = 0, BUCKETS = 1 << 14 };
static const uint16_t THUMB_MARK = 0x46DB;
static const uint32_t ARM_MARK = 0xE1A0B00B, A64_MARK = 0xAA0B03EB;

EXPORT int qemu_plugin_version = 1;

typedef struct counted_block {
    struct counted_block *next_in_bucket;
    uint64_t pc, following_pc, executions, jumps, reported_executions, reported_jumps;
    size_t instructions;
} counted_block;

static counted_block *buckets[BUCKETS];
static counted_block *previous; /* block executed last */
static FILE *out;
static unsigned marks, counted_cpu;

static void on_executed(unsigned int cpu, void *data)
{
    counted_block *block = data;
    if (cpu != counted_cpu)
        return;
    if (previous && block->pc != previous->following_pc)
        previous->jumps++;
    block->executions++;
    previous = block;
}

static void on_mark(unsigned int cpu, void *data)
{
    (void)data;
    counted_cpu = cpu;
    fprintf(out, "M %u\n", marks++);
    for (size_t i = 0; i < BUCKETS; i++)
        for (counted_block *block = buckets[i]; block; block = block->next_in_bucket) {
            if (block->executions == block->reported_executions && block->jumps == block->reported_jumps)
                continue;
            fprintf(out, "%" PRIx64 " %zu %" PRIu64 " %" PRIu64 "\n", block->pc, block->instructions,
                    block->executions - block->reported_executions, block->jumps - block->reported_jumps);
            block->reported_executions = block->executions;
            block->reported_jumps = block->jumps;
        }
    fflush(out);
}

/* The record of a block; the same code translated again is the same block. */
static counted_block *find_block(const struct qemu_plugin_tb *translated)
{
    const uint64_t pc = qemu_plugin_tb_vaddr(translated);
    const size_t instructions = qemu_plugin_tb_n_insns(translated);
    counted_block **bucket = &buckets[(pc >> 1) % BUCKETS];
    for (counted_block *block = *bucket; block; block = block->next_in_bucket)
        if (block->pc == pc && block->instructions == instructions)
            return block;
    counted_block *block = calloc(1, sizeof *block);
    if (!block)
        abort();
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(translated, instructions - 1);
    block->pc = pc;
    block->instructions = instructions;
    block->following_pc = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    block->next_in_bucket = *bucket;
    *bucket = block;
    return block;
}

static bool is_mark(const struct qemu_plugin_insn *insn)
{
    uint16_t half;
    uint32_t word;
    if (qemu_plugin_insn_size(insn) == sizeof half)
        return memcpy(&half, qemu_plugin_insn_data(insn), sizeof half), half == THUMB_MARK;
    if (qemu_plugin_insn_size(insn) != sizeof word)
        return false;
    memcpy(&word, qemu_plugin_insn_data(insn), sizeof word);
    return word == ARM_MARK || word == A64_MARK;
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *translated)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(translated, on_executed, NO_REGISTERS, find_block(translated));
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(translated); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(translated, i);
        if (is_mark(insn))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, NO_REGISTERS, NULL);
    }
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "w");
    if (!out)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    return 0;
}
