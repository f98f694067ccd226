/* Keeps the model of each recent turn: turns overlap where agents work in parallel. */
#include "codex_model.h"

#include "recent.h"

#define SAVED_TURNS_MAX 4u

static const codex_turn *find_turn(const codex_model *model, const tally_json *turn) {
    capture_id id;
    if (!turn || !capture_id_take(&id, turn)) return NULL;
    uint64_t hash = capture_hash(0, capture_id_span(&id));
    for (size_t i = model->turn_count; i-- > 0;)
        if (model->turns[i].id == hash) return &model->turns[i];
    return NULL;
}

void codex_model_take_turn(codex_model *model, const tally_json *turn, const tally_json *name) {
    capture_id id;
    if (capture_id_take(&id, name)) {
        model->now = id;
        model->next.len = 0;
    }
    if (!capture_id_take(&id, turn)) return;
    const codex_turn *known = find_turn(model, turn);
    uint64_t number = known ? known->number : ++model->begun;
    if (model->turn_count == CODEX_MODEL_TURNS_MAX) {
        memmove(&model->turns[0], &model->turns[1],
                (CODEX_MODEL_TURNS_MAX - 1) * sizeof model->turns[0]);
        model->turn_count--;
    }
    model->turns[model->turn_count++] = (codex_turn){
        .id = capture_hash(0, capture_id_span(&id)), .number = number, .model = model->now};
}

static uint32_t tier_of(const tally_json *service_tier) {
    static const struct {
        const char *name;
        uint32_t tier;
    } tiers[] = {
        {"priority", TALLY_TIER_PRIORITY},
        {"fast", TALLY_TIER_PRIORITY},
        {"flex", TALLY_TIER_FLEX},
        {"batch", TALLY_TIER_BATCH},
    };
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++)
        if (tally_json_string_is(service_tier, tiers[i].name)) return tiers[i].tier;
    return 0;
}

void codex_model_take_settings(codex_model *model, const tally_json *settings) {
    static const capture_field fields[] = {CAPTURE_FIELD("model"), CAPTURE_FIELD("service_tier")};
    tally_json field[2];
    capture_pick(settings, fields, 2, field);
    model->tier = tier_of(&field[1]);
    (void)capture_id_take(&model->next, &field[0]);
    if (model->now.len == 0) model->now = model->next;
}

void codex_model_begin_turn(codex_model *model) {
    if (model->next.len > 0) model->now = model->next;
}

const capture_id *codex_model_of(const codex_model *model, const tally_json *turn) {
    const codex_turn *known = find_turn(model, turn);
    return known ? &known->model : &model->now;
}

uint64_t codex_model_number_of(const codex_model *model, const tally_json *turn) {
    const codex_turn *known = find_turn(model, turn);
    return known ? known->number : 0;
}

void codex_model_pack(const codex_model *model, capture_packer *packer) {
    size_t first = model->turn_count > SAVED_TURNS_MAX ? model->turn_count - SAVED_TURNS_MAX : 0;
    capture_pack_text(packer, capture_id_span(&model->now));
    capture_pack_text(packer, capture_id_span(&model->next));
    capture_pack_u64(packer, model->tier);
    capture_pack_u64(packer, model->begun);
    capture_pack_u8(packer, (uint8_t)(model->turn_count - first));
    for (size_t i = first; i < model->turn_count; i++) {
        capture_pack_u64(packer, model->turns[i].id);
        capture_pack_u64(packer, model->turns[i].number);
        capture_pack_text(packer, capture_id_span(&model->turns[i].model));
    }
}

void codex_model_unpack(codex_model *model, capture_unpacker *unpacker) {
    capture_unpack_text(unpacker, model->now.text, sizeof model->now.text, &model->now.len);
    capture_unpack_text(unpacker, model->next.text, sizeof model->next.text, &model->next.len);
    model->tier = (uint32_t)capture_unpack_u64(unpacker);
    model->begun = capture_unpack_u64(unpacker);
    model->turn_count = capture_unpack_u8(unpacker);
    if (model->turn_count > SAVED_TURNS_MAX) {
        model->turn_count = 0;
        unpacker->bad = true;
    }
    for (size_t i = 0; i < model->turn_count; i++) {
        codex_turn *turn = &model->turns[i];
        turn->id = capture_unpack_u64(unpacker);
        turn->number = capture_unpack_u64(unpacker);
        capture_unpack_text(unpacker, turn->model.text, sizeof turn->model.text, &turn->model.len);
    }
}
