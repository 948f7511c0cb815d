/* SPDX-License-Identifier: Apache-2.0
 *
 * int8_rows.h for Cortex-M cores with SMLAD (M4, M7, M33, M55): two products an instruction, 52 instructions for 64
 * products of a window and 47 for 64 of a gradient. Whole functions, since they need every register; noipa, since gcc
 * sees no argument used.
 */
#ifndef TINYTL_LEARN_INT8_ROWS_DSP_H
#define TINYTL_LEARN_INT8_ROWS_DSP_H

#include <stdint.h>

#define WHOLE_FUNCTION __attribute__((naked, noipa, unused)) static
#define IN_A_REGISTER __attribute__((unused)) /* as far as C sees */

/* Two windows, their numbers in r9 … r12, with four weights in lr and r8. */
#define TWO_WINDOWS(sum, next)                                                               \
    "ldm r1!, {r9-r12}\n smlad " sum ", lr, r9, " sum "\n smlad " sum ", r8, r10, " sum "\n" \
    "smlad " next ", lr, r11, " next "\n smlad " next ", r8, r12, " next "\n"
#define FOUR_WINDOWS(weights) \
    "sxtb16 lr, " weights "\n sxtb16 r8, " weights ", ror #8\n" TWO_WINDOWS("r4", "r5") TWO_WINDOWS("r6", "r7")

WHOLE_FUNCTION int32_t dot_one(IN_A_REGISTER const int8_t *row, IN_A_REGISTER const int16_t *x,
                               IN_A_REGISTER uint32_t count)
{
    __asm__ volatile("push {r4-r10, lr}\n adds r2, r0\n movs r3, #0\n"
            "1: ldrd r4, r5, [r0], #8\n ldm r1!, {r6-r9}\n"
            "sxtb16 r10, r4\n sxtb16 r4, r4, ror #8\n smlad r3, r10, r6, r3\n smlad r3, r4, r7, r3\n"
            "sxtb16 r10, r5\n sxtb16 r5, r5, ror #8\n smlad r3, r10, r8, r3\n smlad r3, r5, r9, r3\n"
            "cmp r0, r2\n bne 1b\n mov r0, r3\n pop {r4-r10, pc}");
}

#define EIGHT_WEIGHTS "ldrd r8, r3, [r0], #8\n" FOUR_WINDOWS("r8") FOUR_WINDOWS("r3")

WHOLE_FUNCTION void dot_four(IN_A_REGISTER const int8_t *row, IN_A_REGISTER const int16_t *x,
                             IN_A_REGISTER uint32_t count, IN_A_REGISTER int32_t *sums)
{
    __asm__ volatile("push {r3-r11, lr}\n movs r4, #0\n movs r5, #0\n movs r6, #0\n movs r7, #0\n"
            "lsls r3, r2, #28\n add r2, r0\n bmi 2f\n" /* eight left over: into the middle */
            "1:" EIGHT_WEIGHTS "2:" EIGHT_WEIGHTS "cmp r0, r2\n bne 1b\n"
            "pop {r3}\n stm r3, {r4-r7}\n pop {r4-r11, pc}");
}

/* Two pixels: e of the two rows in r12 and lr. */
#define TWO_PIXELS                                                                                  \
    "ldrd r12, lr, [r1], #8\n ldm r0!, {r2, r3}\n"                                                  \
    "smlad r4, r12, r2, r4\n smlad r5, r12, r3, r5\n smlad r8, lr, r2, r8\n smlad r9, lr, r3, r9\n" \
    "ldm r0!, {r2, r3}\n"                                                                           \
    "smlad r6, r12, r2, r6\n smlad r7, r12, r3, r7\n smlad r10, lr, r2, r10\n smlad r11, lr, r3, r11\n"
#define FOUR_PIXELS TWO_PIXELS TWO_PIXELS

WHOLE_FUNCTION void sum_tile(IN_A_REGISTER const int16_t *x, IN_A_REGISTER const int16_t *e,
                             IN_A_REGISTER uint32_t pixels, IN_A_REGISTER int32_t *sums)
{
    __asm__ volatile("lsls r12, r2, #29\n add r2, r1, r2, lsl #2\n push {r2-r11, lr}\n"
            "mov r4, #0\n mov r5, #0\n mov r6, #0\n mov r7, #0\n"
            "mov r8, #0\n mov r9, #0\n mov r10, #0\n mov r11, #0\n bmi 2f\n" /* four left over */
            "1:" FOUR_PIXELS "2:" FOUR_PIXELS "ldr r2, [sp]\n cmp r1, r2\n bne 1b\n"
            "pop {r2, r3}\n stm r3, {r4-r11}\n pop {r4-r11, pc}");
}

/* -zero_point in both halves of a word. */
static inline uint32_t minus_twice(int32_t zero_point)
{
    return (uint32_t)(uint16_t)-zero_point * 0x10001u;
}

static inline void deal_four(const int8_t *from, int32_t zero_point, int16_t *to)
{
    uint32_t even, odd;
    __asm__ volatile("ldr %[odd], [%[from]]\n"
            "sxtab16 %[even], %[minus], %[odd]\n sxtab16 %[odd], %[minus], %[odd], ror #8\n"
            "strd %[even], %[odd], [%[to]]"
            : [even] "=&r"(even), [odd] "=&r"(odd)
            : [from] "r"(from), [minus] "r"(minus_twice(zero_point)), [to] "r"(to)
            : "memory");
}

static inline void lane_four(const int8_t *from, int32_t zero_point, int16_t *to)
{
    uint32_t even, odd;
    __asm__ volatile("ldr %[odd], [%[from]]\n"
                     "sxtab16 %[even], %[minus], %[odd]\n sxtab16 %[odd], %[minus], %[odd], ror #8\n"
                     "strh %[even], [%[to]]\n strh %[odd], [%[to], #4]\n"
                     "lsr %[even], %[even], #16\n lsr %[odd], %[odd], #16\n"
                     "strh %[even], [%[to], #8]\n strh %[odd], [%[to], #12]"
                     : [even] "=&r"(even), [odd] "=&r"(odd)
                     : [from] "r"(from), [minus] "r"(minus_twice(zero_point)), [to] "r"(to)
                     : "memory");
}

/* Byte `at` of the word in %[word], its product with the factor's mantissa, less its lower bits,
 * in the register `q`. */
#define MOVE(at, q)                                                                                              \
    "mla %[chance], %[chance], %[times], %[plus]\n asr " q ", " q ", %[shift]\n ssat " q ", #29, " q "\n"        \
    "sxtb %[w], %[word], ror #" at "\n mla " q ", %[w], %[keep], " q "\n add " q ", " q ", %[chance], lsr #12\n" \
    "ssat " q ", #8, " q ", asr #20\n bfi %[word], " q ", #" at ", #8\n"
#define UPPER_HALF(q) "smmul " q ", " q ", %[mantissa]\n"
#define MOVE_OPERANDS(source, lost)                                                    \
    [chance] "+&r"(chance), [word] "=&r"(word), [w] "=&r"(w)                           \
        : [weights] "r"(weights), [from] "r"(source), [mantissa] "r"(factor.mantissa), \
          [shift] "r"(factor.shift - lost), [keep] "r"(keep),                          \
          [times] "r"(INT8_CHANCE_FACTOR), [plus] "r"(INT8_CHANCE_STEP)                \
        : "memory", "r12", "lr"

static inline void move_four(int8_t *weights, const int32_t *sums, int8_factor factor, int32_t keep, uint32_t chance)
{
    uint32_t word, w;
    if (factor.shift < 32) {
        move_each(weights, sums, factor, keep, chance);
        return;
    }
    factor.shift = factor.shift > 63 ? 63 : factor.shift;
    __asm__ volatile("ldr %[word], [%[weights]]\n ldrd r12, lr, [%[from]]\n" UPPER_HALF("r12") UPPER_HALF("lr")
                     MOVE("0", "r12") MOVE("8", "lr") "ldrd r12, lr, [%[from], #8]\n" UPPER_HALF("r12") UPPER_HALF("lr")
                     MOVE("16", "r12") MOVE("24", "lr") "str %[word], [%[weights]]"
                     : MOVE_OPERANDS(sums, 32));
}

/* SMULW takes the upper 32 of 48 bits. A product has less than 47. */
static inline void move_input(int8_t *weights, const int16_t *x, int8_factor factor, int32_t keep, uint32_t chance)
{
    uint32_t word, w;
    if (factor.shift < 16) {
        const int32_t sums[4] = {x[0], x[2], x[1], x[3]};
        move_each(weights, sums, factor, keep, chance);
        return;
    }
    factor.shift = factor.shift > 47 ? 47 : factor.shift;
    __asm__ volatile("ldr %[word], [%[weights]]\n ldrd r12, lr, [%[from]]\n"
                     "smulwb r12, %[mantissa], r12\n smulwb lr, %[mantissa], lr\n"
                     MOVE("0", "r12") MOVE("8", "lr") "ldrd r12, lr, [%[from]]\n smulwt r12, %[mantissa], r12\n"
                     "smulwt lr, %[mantissa], lr\n" MOVE("16", "r12") MOVE("24", "lr") "str %[word], [%[weights]]"
                     : MOVE_OPERANDS(x, 16));
}

#undef WHOLE_FUNCTION
#undef IN_A_REGISTER
#undef TWO_WINDOWS
#undef FOUR_WINDOWS
#undef EIGHT_WEIGHTS
#undef TWO_PIXELS
#undef FOUR_PIXELS
#undef MOVE
#undef UPPER_HALF
#undef MOVE_OPERANDS

#endif
