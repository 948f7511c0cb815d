/* SPDX-License-Identifier: Apache-2.0
 * The commands of the session, one function each: payload in, answer's payload out, or an error (SPEC.md section 3). */
#ifndef TINYTL_LINK_COMMANDS_H
#define TINYTL_LINK_COMMANDS_H

#include "ground/bytes.h"
#include "ground/error.h"
#include "store/store.h"
#include "tinytl_session.h"

typedef struct command {
    const uint8_t *data;
    uint32_t bytes;
} command;

/* Load the current model and its saved head; what is wrong is left in the session's statuses. */
void tinytl_session_load(tinytl_session *session);
/* Owner of heads of the loaded model: heads of an earlier flash of the same bundle do not count. */
uint32_t tinytl_session_owner(const tinytl_session *session);

/* Take a sample's last piece: it must be complete with it. The input is used up by what follows. */
tinytl_error tinytl_session_complete(tinytl_session *session, uint32_t offset, const uint8_t *data, uint32_t bytes);

/* Leave the features of the sample in the model's outputs: the platform's, or those of the kernels. */
void tinytl_session_extract(tinytl_session *session);

/* What was found in a sample: zeros where it was not looked at. */
typedef struct look {
    float confidence;
    float drift;
} look;

/* Look at the sample of which the last tinytl_head_infer was. */
look tinytl_session_look(tinytl_session *session);

/* no_model or no_head where there is nothing that learns. */
tinytl_error tinytl_session_need_head(const tinytl_session *session);
/* The last saved head of the loaded model that can be restored; sequence 0: there is none. */
store_entry tinytl_session_kept(const tinytl_session *session);
/* Bytes of a saved head's state; behind them may stand its place in a stream. */
uint32_t tinytl_session_state_bytes(const tinytl_session *session, const store_entry *entry);
/* The present head is the saved one of this sequence, 0: the factory one. */
void tinytl_session_now(tinytl_session *session, uint32_t sequence);
/* Save the present head. */
tinytl_error tinytl_session_save(tinytl_session *session);
/* Go back to the kept head; held-out samples stay. */
tinytl_error tinytl_session_undo(tinytl_session *session);
/* Compare with the kept head; save or undo as the verdict says. Only with a guard. */
tinytl_error tinytl_session_check(tinytl_session *session, tinytl_guard_report *report);
/* Append a verdict to an answer, 16 bytes. */
void tinytl_session_tell(const tinytl_session *session, const tinytl_guard_report *report, payload *out);

#define COMMAND(number, name) tinytl_error tinytl_command_##name(tinytl_session *session, command in, payload *out);
#include "link/commands.def"
#undef COMMAND

#endif
