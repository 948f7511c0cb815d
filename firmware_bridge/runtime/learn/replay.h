/* SPDX-License-Identifier: Apache-2.0
 *
 * Replay: samples learned again after a taught one, so that the old task is not forgotten. Two stores of int8 features
 * with u16 labels: the replay set (in the image, source task) and the replay buffer (in the arena, taught samples).
 */
#ifndef TINYTL_LEARN_REPLAY_H
#define TINYTL_LEARN_REPLAY_H

#include "learn/sample_buffer.h"

/* Sample `place` of the replay set, or of the buffer; it exists. */
tinytl_replayed tinytl_replay_set_at(const tinytl_model *model, uint32_t place);
tinytl_replayed tinytl_replay_buffer_at(const tinytl_model *model, uint32_t place);

/* Draw a sample. Even turns draw from the replay set, odd ones from the buffer; where one is empty, the other serves.
 * One random number a draw, none where both are empty. */
tinytl_replayed tinytl_replay_draw(tinytl_model *model, uint32_t turn);

/* Offer the graph outputs, a taught sample's features, to the buffer, as tinytl_sample_put. Every sample
 * enters: a buffer that refuses some (reservoir sampling) goes stale on a device that sees each sample once,
 * and measured worse. */
void tinytl_replay_offer(tinytl_model *model, uint32_t label);

#endif
