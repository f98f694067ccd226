/* Which model and service tier are in force in a Codex rollout (agent-logs 4.3). */
#ifndef TALLY_CAPTURE_CODEX_MODEL_H
#define TALLY_CAPTURE_CODEX_MODEL_H

#include "field.h"
#include "pack.h"

#define CODEX_MODEL_TURNS_MAX 16u /* turns whose model is remembered */

typedef struct codex_turn {
    uint64_t id;     /* hash */
    uint64_t number; /* from 1, as turns began */
    capture_id model;
} codex_turn;

typedef struct codex_model {
    capture_id now, next;                    /* in force; the next turn's, set while one runs */
    uint32_t tier;                           /* tally_tier_flag */
    codex_turn turns[CODEX_MODEL_TURNS_MAX]; /* newest last */
    size_t turn_count;
    uint64_t begun; /* turns named so far */
} codex_model;

/* A turn's context names its model. */
void codex_model_take_turn(codex_model *model, const tally_json *turn, const tally_json *name);
/* Settings: their tier holds at once and until the next settings, their model from the next turn.
 */
void codex_model_take_settings(codex_model *model, const tally_json *settings);
void codex_model_begin_turn(codex_model *model);

/* The model of a turn; the one in force for a turn that is not known or NULL. */
const capture_id *codex_model_of(const codex_model *model, const tally_json *turn);
/* The how manieth a turn is; 0 for one that is not known. */
uint64_t codex_model_number_of(const codex_model *model, const tally_json *turn);

void codex_model_pack(const codex_model *model, capture_packer *packer);
void codex_model_unpack(codex_model *model, capture_unpacker *unpacker);

#endif
