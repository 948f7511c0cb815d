/* SPDX-License-Identifier: Apache-2.0
 *
 * tinytl runtime: run a frozen int8 feature extractor and keep training the head behind it, on a device with kilobytes.
 *
 * The caller owns everything: the image (read-only, memory-mapped, 16-byte aligned), one arena (RAM, 16-byte aligned)
 * and one `tinytl_model`. There is no heap, no recursion, no writable global, no printf. Layout of the image: SPEC.md,
 * section 2.
 *
 *     static uint8_t arena[40960] TINYTL_ALIGNED;
 *     tinytl_model model;
 *     tinytl_error error = tinytl_model_open(&model, image, image_bytes, arena, sizeof arena);
 *     if (!error.status) error = tinytl_head_open(&model);   // of a model with a head
 *     if (error.status) return error.status;
 *     memcpy(tinytl_model_input(&model, 0), sample, model.input_bytes);   // of a model with one input
 *     tinytl_model_invoke(&model);                  // int8 extractor
 *     uint32_t best = tinytl_head_infer(&model);    // float head; logits in tinytl_head_logits(&model)
 *     tinytl_step_result r = tinytl_head_step(&model, label);   // one training step on the same features
 */
#ifndef TINYTL_H
#define TINYTL_H

#include <stddef.h>
#include <stdint.h>

#include "tinytl_image.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TINYTL_VERSION ((0u << 16) | (1u << 8) | 0u) /* major, minor, patch */

#if defined(__GNUC__) || defined(__clang__)
#define TINYTL_ALIGNED __attribute__((aligned(16)))
#define TINYTL_WARN_UNUSED __attribute__((warn_unused_result))
#else
#define TINYTL_ALIGNED
#define TINYTL_WARN_UNUSED
#endif

/* ---- status ------------------------------------------------------------------------------------------------------ */

typedef enum tinytl_status {
#define STATUS(name, text) TINYTL_STATUS_##name,
#include "tinytl_status.def"
#undef STATUS
    TINYTL_STATUS_count
} tinytl_status;

/* A status with the two numbers that make its text concrete: what was got, what was expected. */
typedef struct tinytl_error {
    tinytl_status status;
    uint32_t got;
    uint32_t expected;
} tinytl_error;

/* Text of a status with %1 and %2 in place of the numbers; never NULL. */
const char *tinytl_status_text(uint32_t status);

/* ---- image ------------------------------------------------------------------------------------------------------- */

/* Check everything an image says, but for its head section, before anything of it is used: lengths, checksum, versions,
 * offsets, shapes of every operator. `family_mask`: bit f set where kernel family f runs here. `bad_record` names the
 * offset of the record in the image and the field's offset in it, as SPEC.md lists them; field 0 of an operator: its
 * tensors or parameters do not fit its opcode. */
tinytl_error tinytl_image_check(const void *image, size_t image_bytes, uint32_t family_mask) TINYTL_WARN_UNUSED;
/* The same for the 128 header bytes alone (before a transfer): magic, versions, family, arena. */
tinytl_error tinytl_image_header_check(const tinytl_image_header *header, size_t arena_bytes, size_t slot_bytes,
                                       uint32_t family_mask) TINYTL_WARN_UNUSED;

/* ---- model ------------------------------------------------------------------------------------------------------- */

typedef struct tinytl_model {
    const uint8_t *image;
    uint8_t *arena;
    const tinytl_image_header *header;
    const tinytl_tensor *tensors;
    const tinytl_operator *operators;
    const uint16_t *operands;
    const tinytl_head_section *head; /* NULL: no head, or it was not opened */
    const tinytl_head_layer *layers;
    const tinytl_head_value *values;
    uint32_t input_bytes;            /* of all graph inputs together */
    /* head state beside the parameters, which live in the arena */
    uint32_t class_count;
    uint32_t steps;         /* training steps since the factory head */
    uint32_t random;        /* xorshift32 state of replay draw and dropout, never 0 */
    uint32_t replay_count;  /* samples in the replay buffer */
    const int8_t *features; /* of the sample that is replayed, one after the other; NULL: they are the graph outputs */
    uint32_t gathered;      /* samples whose gradients are summed and not applied yet */
    uint32_t updates;       /* times that summed gradients were applied since the head was loaded */
    const float *parameters; /* that a pass reads: the arena's, or those of a head that is compared */
    uint32_t guard_count;   /* held-out samples */
    uint32_t guard_learned; /* samples learned since the last check */
    uint32_t guard_doubts;  /* 1: labels were no better than chance when last looked at */
} tinytl_model;

/* Families compiled into this runtime: bit 0 portable, bit 1 dsp, bit 2 mve. */
uint32_t tinytl_family_mask(void);

/* Check the image and bind it to the arena. Its head, if it has one, stays closed. On error `model` is unusable. */
tinytl_error tinytl_model_open(tinytl_model *model, const void *image, size_t image_bytes, void *arena,
                               size_t arena_bytes) TINYTL_WARN_UNUSED;

/* Address of graph input / output `index` in the arena, of tensor `index` of the image. */
void *tinytl_model_input(const tinytl_model *model, uint32_t index);
const void *tinytl_model_output(const tinytl_model *model, uint32_t index);
void *tinytl_model_tensor(const tinytl_model *model, uint32_t index);

/* Run operators [first, last): the whole graph with 0, header->operator_count. The graph input is not preserved. */
void tinytl_model_invoke(const tinytl_model *model);
void tinytl_model_invoke_range(const tinytl_model *model, uint32_t first, uint32_t last);

/* ---- head -------------------------------------------------------------------------------------------------------- */

/* What an image's head and a saved head may hold. */
enum {
#define LIMIT(name, value) TINYTL_##name = value,
#include "tinytl_limits.def"
#undef LIMIT
};

typedef struct tinytl_step_result {
    tinytl_status status;  /* ok, no_head, bad_label, diverged */
    uint32_t predicted;    /* class before learning */
    float loss;            /* of the sample before learning, nats; infinite where the logits are not finite */
} tinytl_step_result;

/* Test everything that the head section says: places and lengths in image and arena, counts, the chain of layers,
 * finite numbers, settings in range, labels of the replay set; of an image that passes tinytl_image_check. After `ok`
 * the learner trusts the image. One without a head is ok.
 *
 * Refusals: bad_offset (end, limit) for what lies outside the image or the arena; else bad_record with the image offset
 * of the record (head section, layer or value) and the offset of the field in it, as in the `at` column of SPEC.md
 * section 2.5. */
tinytl_error tinytl_head_check(const void *image) TINYTL_WARN_UNUSED;

/* Check the head of an opened model and load its factory state. no_head: the image has none. On error the model runs as
 * one without a head. */
tinytl_error tinytl_head_open(tinytl_model *model) TINYTL_WARN_UNUSED;

/* Forward pass of the head on the features that the last invoke left. Returns the class of the largest logit (the first
 * on a tie). */
uint32_t tinytl_head_infer(tinytl_model *model);
const float *tinytl_head_logits(const tinytl_model *model); /* valid until the next invoke or step */
/* class_count, or 1 where one sigmoid tells two classes apart. */
uint32_t tinytl_head_logit_count(const tinytl_model *model);

/* Probability of the class predicted by the last tinytl_head_infer: softmax, or sigmoid where one logit tells two
 * classes apart. NaN where the logits are not finite. */
float tinytl_head_confidence(const tinytl_model *model);

/* How far the features that the last invoke left lie from the nearest class of the source task, divided by how far
 * source samples do (root mean square): about 1 on inputs like those, more where inputs have drifted away. Negative:
 * the image has no statistics. */
float tinytl_head_drift(const tinytl_model *model);
#define TINYTL_DRIFT_NUMBERS 64u

/* What samples were like of late; begins as zeros. To look at one costs a forward pass of the head and what
 * tinytl_head_drift takes: so the first 64 are looked at, then every eighth. */
typedef struct tinytl_watch {
    uint32_t looked;  /* samples that were looked at */
    uint32_t passed;  /* samples that came since the first 64 */
    float confidence; /* means over them, of the last 64 or so: later ones count a 64th each */
    float drift;      /* negative: no statistics */
} tinytl_watch;

/* Whether the sample that comes now is one to look at; call it once a sample. Then note what was found; what is not
 * finite is not noted. */
int tinytl_watch_is_due(tinytl_watch *watch);
void tinytl_watch_note(tinytl_watch *watch, float confidence, float drift);

/* One training step on the features that the last invoke left, then `replays_per_step` replayed ones (drawn in turn
 * from the image's replay set and the replay buffer), then the sample is offered to the replay buffer. Arithmetic:
 * SPEC.md, section 2.6. Parameters stay finite whatever is taught. A step whose logits or loss are not finite changes
 * nothing; where a gradient is so large that an update could leave the finite numbers, that row is passed over; both
 * return `diverged`, and the sample is neither replayed nor kept. A replayed sample of that kind is passed over. */
tinytl_step_result tinytl_head_step(tinytl_model *model, uint32_t label) TINYTL_WARN_UNUSED;

/* Begin a class that the head does not have, with the features that the last invoke left as its first sample:
 * class_count grows by one and the new row of the last layer is set from them (SPEC.md, section 2.6);
 * tinytl_head_step(model, class_count - 1) then learns them. name: UTF-8, at most TINYTL_CLASS_NAME_BYTES - 1 bytes, in
 * an array of TINYTL_CLASS_NAME_BYTES. Refusals, which change nothing: no_head, no_room, frozen_rows, bad_name,
 * name_taken, diverged (the row would not be finite). */
tinytl_error tinytl_head_grow(tinytl_model *model, const char *name) TINYTL_WARN_UNUSED;

/* Name of a class that was begun on the device: head->class_count ≤ number < class_count. Ends with a 0. */
char *tinytl_head_class_name(const tinytl_model *model, uint32_t number);

/* A sample of the replay set, place < head->replay_set_count, and what the head makes of it. The last inference's
 * logits are lost. */
typedef struct tinytl_recalled {
    uint32_t label;
    uint32_t predicted;
} tinytl_recalled;

tinytl_recalled tinytl_head_recall(tinytl_model *model, uint32_t place);

/* The guard. It holds out every guard_every-th taught sample of each class, in a buffer of its own, and tells by them
 * whether what was learned since is to be kept. The caller holds samples out before it learns them, and decides with
 * tinytl_guard_compare. */

/* Whether the sample that the last invoke left is one to hold out, label < class_count: then it is in the buffer, and
 * not to be learned. */
int tinytl_guard_holds_out(tinytl_model *model, uint32_t label);

typedef enum tinytl_verdict {
    TINYTL_NOT_CHECKED, /* no check was made */
    TINYTL_COMMIT,      /* no worse than the kept head, and better than chance on the fresh samples */
    TINYTL_UNDO,
    TINYTL_WAIT         /* no worse, but fewer than TINYTL_GUARD_LEAST samples are fresh, or all of one class */
} tinytl_verdict;

#define TINYTL_GUARD_LOSS_PERCENT 3u

typedef struct tinytl_guard_report {
    tinytl_verdict verdict;
    uint32_t held;        /* held-out samples */
    uint32_t right;       /* how many of them the present head classifies rightly */
    uint32_t kept_right;  /* how many the kept one */
    uint32_t fresh;       /* of the held-out samples those since the last decision */
    uint32_t fresh_right; /* how many of them the present head classifies rightly */
    uint32_t forgets;     /* 1: it has lost more of the replay set than TINYTL_GUARD_LOSS_PERCENT */
} tinytl_guard_report;

/* Compare the head with a kept one on the held-out samples. state: as tinytl_head_state_check accepts it, 4-byte
 * aligned, read in place (flash); NULL: the factory head. Of TINYTL_GUARD_LEAST held out or more, right < kept_right:
 * undo. With n fresh samples, f of them right, and L of the largest class: commit if f > L and n (f - L)² > 9 L (n -
 * L), three standard deviations above always answering that class, else undo. After that, until labels are above chance
 * again, undo is what follows where it would be wait. Where f is not above chance, the fresh samples are dropped: their
 * labels mean nothing. A decision makes the others old. Where classes were added to those of the image and the head has
 * fewer of the replay set right than the kept one, by more than TINYTL_GUARD_LOSS_PERCENT of it and more than one
 * sample, that is worse too: the held-out samples may be of new classes alone. The last inference's logits are lost. */
tinytl_guard_report tinytl_guard_compare(tinytl_model *model, const void *state);

/* Bring back a kept head (tinytl_head_state_restore; state NULL: the factory head) and keep the held-out samples of its
 * classes. */
tinytl_error tinytl_guard_undo(tinytl_model *model, const void *state, size_t bytes) TINYTL_WARN_UNUSED;

/* Back to the head that the image carries; empties the replay buffer and the momentum. */
void tinytl_head_reset(tinytl_model *model);

/* Parameters as they lie in the arena: parameter_count words, layer by layer, weights then bias. A word is a float, or
 * four int8 weights. */
float *tinytl_head_parameters(const tinytl_model *model);
uint32_t tinytl_head_crc32(const tinytl_model *model);

/* Serialized head state (SPEC.md section 4, kind 2): size, write, read (checked; on error nothing changes). It is
 * written part by part, 0 to TINYTL_HEAD_STATE_PARTS - 1, one behind the other: what stands in `header`, which the call
 * fills, the parameters, the added classes' names. */
typedef struct tinytl_head_part {
    const void *data;
    uint32_t bytes; /* may be 0 */
} tinytl_head_part;

#define TINYTL_HEAD_STATE_PARTS 3u
uint32_t tinytl_head_state_bytes(const tinytl_model *model);
tinytl_head_part tinytl_head_state_part(const tinytl_model *model, uint32_t number, uint32_t header[4]);
/* Bytes of the longest state, of however many classes, that `bytes` bytes hold; what is left behind it is the caller's
 * own. 0: they hold none. */
uint32_t tinytl_head_state_within(const tinytl_model *model, size_t bytes);
tinytl_error tinytl_head_state_check(const tinytl_model *model, const void *state, size_t bytes) TINYTL_WARN_UNUSED;
tinytl_error tinytl_head_state_restore(tinytl_model *model, const void *state, size_t bytes) TINYTL_WARN_UNUSED;

/* CRC-32/ISO-HDLC, chainable: start with 0. */
uint32_t tinytl_crc32(uint32_t crc, const void *data, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
