/* Reads a Codex rollout line. Nested objects hold keys with the same names (base instructions, tool
 * input), so every field is taken at its own depth. */
#include "codex_line.h"

static const capture_field payload_fields[CODEX_FIELDS] = {
    [CODEX_TYPE] = CAPTURE_FIELD("type"),
    [CODEX_ID] = CAPTURE_FIELD("id"),
    [CODEX_THREAD] = CAPTURE_FIELD("thread_id"),
    [CODEX_TURN] = CAPTURE_FIELD("turn_id"),
    [CODEX_MODEL] = CAPTURE_FIELD("model"),
    [CODEX_CWD] = CAPTURE_FIELD("cwd"),
    [CODEX_INFO] = CAPTURE_FIELD("info"),
    [CODEX_USAGE] = CAPTURE_FIELD("usage"),
    [CODEX_RESPONSE] = CAPTURE_FIELD("response_id"),
    [CODEX_THREAD_USAGE] = CAPTURE_FIELD("thread_token_usage"),
    [CODEX_LATEST_RECORD] = CAPTURE_FIELD("latest_token_usage_record"),
    [CODEX_MESSAGE] = CAPTURE_FIELD("message"),
    [CODEX_IMAGES] = CAPTURE_FIELD("images"),
    [CODEX_ITEM] = CAPTURE_FIELD("item"),
    [CODEX_THREAD_SETTINGS] = CAPTURE_FIELD("thread_settings"),
    [CODEX_NAME] = CAPTURE_FIELD("thread_name"),
    [CODEX_FORKED_FROM] = CAPTURE_FIELD("forked_from_id"),
    [CODEX_PARENT] = CAPTURE_FIELD("parent_thread_id"),
    [CODEX_SOURCE] = CAPTURE_FIELD("source"),
    [CODEX_THREAD_SOURCE] = CAPTURE_FIELD("thread_source"),
    [CODEX_HISTORY_START] = CAPTURE_FIELD("subagent_history_start_ordinal"),
    [CODEX_VERSION] = CAPTURE_FIELD("cli_version"),
    [CODEX_GIT] = CAPTURE_FIELD("git"),
};

static codex_kind kind_of(const tally_json *type, const tally_json *payload) {
    static const struct {
        const char *type, *event;
        codex_kind kind;
    } kinds[] = {
        {"response_item", NULL, CODEX_RESPONSE_ITEM},
        {"event_msg", "token_count", CODEX_TOKEN_COUNT},
        {"event_msg", "user_message", CODEX_USER_MESSAGE},
        {"event_msg", "item_completed", CODEX_USER_MESSAGE},
        {"event_msg", "thread_settings_applied", CODEX_SETTINGS},
        {"event_msg", "thread_name_updated", CODEX_THREAD_NAME},
        {"event_msg", "task_started", CODEX_TASK_STARTED},
        {"event_msg", "turn.completed", CODEX_TURN_COMPLETED},
        {"event_msg", NULL, CODEX_EVENT},
        {"turn_context", NULL, CODEX_TURN_CONTEXT},
        {"token_usage_record", NULL, CODEX_USAGE_RECORD},
        {"session_meta", NULL, CODEX_SESSION_META},
        {"compacted", NULL, CODEX_COMPACTED},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (tally_json_string_is(type, kinds[i].type) &&
            (!kinds[i].event || tally_json_string_is(&payload[CODEX_TYPE], kinds[i].event)))
            return kinds[i].kind;
    return CODEX_OTHER;
}

/* Only one kind of completed item is a prompt. */
static bool is_user_item(const tally_json *item) {
    static const capture_field type_field = CAPTURE_FIELD("type");
    tally_json type;
    capture_pick(item, &type_field, 1, &type);
    return tally_json_string_is(&type, "UserMessage");
}

void codex_payload_read(const tally_json *payload, tally_json field[CODEX_FIELDS]) {
    capture_pick(payload, payload_fields, CODEX_FIELDS, field);
}

int codex_line_read(tally_span text, uint64_t number, codex_line *out, const char **why) {
    static const capture_field fields[] = {CAPTURE_FIELD("timestamp"), CAPTURE_FIELD("ordinal"),
                                           CAPTURE_FIELD("type"), CAPTURE_FIELD("payload")};
    tally_json object, field[4];
    int rc = tally_json_parse_indexed(text, &out->index, &object);
    if (rc != 0) {
        *why = rc == TALLY_ELIMIT ? "nested too deeply" : "not JSON";
        return TALLY_EFORMAT;
    }
    if (object.type != TALLY_JSON_OBJECT) {
        *why = "not a JSON object";
        return TALLY_EFORMAT;
    }
    capture_pick(&object, fields, 4, field);
    codex_payload_read(&field[3], out->field);
    out->kind = kind_of(&field[2], out->field);
    if (out->field[CODEX_ITEM].type == TALLY_JSON_OBJECT && out->kind == CODEX_USER_MESSAGE &&
        !is_user_item(&out->field[CODEX_ITEM]))
        out->kind = CODEX_EVENT;
    out->number = number;
    out->time_ms = 0;
    out->has_time = capture_time(&field[0], &out->time_ms);
    out->has_ordinal =
        field[1].type == TALLY_JSON_NUMBER && tally_json_u64(&field[1], &out->ordinal);
    return 0;
}

/* The parent that a subagent's source names, where the payload does not. */
static void read_spawn(const tally_json *source, capture_id *parent) {
    static const capture_field outer = CAPTURE_FIELD("subagent");
    static const capture_field inner = CAPTURE_FIELD("thread_spawn");
    static const capture_field name = CAPTURE_FIELD("parent_thread_id");
    tally_json value;
    capture_pick(source, &outer, 1, &value);
    capture_pick(&value, &inner, 1, &value);
    capture_pick(&value, &name, 1, &value);
    (void)capture_id_take(parent, &value);
}

void codex_origin_read(const codex_line *meta, codex_origin *out) {
    static const char *const machine[] = {"subagent", "guardian_review", "memory_consolidation"};
    static const char *const scripted[] = {"exec", "mcp"};
    static const capture_field subagent_field = CAPTURE_FIELD("subagent");
    const tally_json *source = &meta->field[CODEX_SOURCE];
    tally_json subagent;
    memset(out, 0, sizeof *out);
    if (!capture_id_take(&out->parent, &meta->field[CODEX_FORKED_FROM]) &&
        !capture_id_take(&out->parent, &meta->field[CODEX_PARENT]))
        read_spawn(source, &out->parent);
    out->is_fork = out->parent.len > 0;
    capture_pick(source, &subagent_field, 1, &subagent);
    out->is_subagent = subagent.type != TALLY_JSON_NULL;
    for (size_t i = 0; i < sizeof machine / sizeof machine[0]; i++)
        out->is_subagent |= tally_json_string_is(&meta->field[CODEX_THREAD_SOURCE], machine[i]);
    for (size_t i = 0; i < sizeof scripted / sizeof scripted[0]; i++)
        out->is_exec |= tally_json_string_is(source, scripted[i]);
}

static size_t append(char *buffer, size_t size, size_t len, const tally_json *text) {
    size_t more = 0;
    if (text->type != TALLY_JSON_STRING) return len;
    if (len > 0 && len < size) buffer[len++] = '\n';
    tally_json_text(text, buffer + len, size - len, &more);
    return len + more;
}

size_t codex_prompt_text(const codex_line *line, char *buffer, size_t size, bool *has_image) {
    static const capture_field content_field = CAPTURE_FIELD("content");
    static const capture_field part_fields[] = {CAPTURE_FIELD("type"), CAPTURE_FIELD("text")};
    tally_json content, part, field[2];
    tally_json_iter iter;
    size_t len = append(buffer, size, 0, &line->field[CODEX_MESSAGE]);
    const tally_json *images = &line->field[CODEX_IMAGES];
    tally_json_iter_init(&iter, images);
    *has_image = images->type == TALLY_JSON_ARRAY && tally_json_next(&iter, NULL, &part);
    capture_pick(&line->field[CODEX_ITEM], &content_field, 1, &content);
    if (content.type != TALLY_JSON_ARRAY) return len;
    tally_json_iter_init(&iter, &content);
    while (tally_json_next(&iter, NULL, &part)) {
        capture_pick(&part, part_fields, 2, field);
        if (tally_json_string_is(&field[0], "text")) len = append(buffer, size, len, &field[1]);
        *has_image |= tally_json_string_is(&field[0], "image") ||
                      tally_json_string_is(&field[0], "local_image");
    }
    return len;
}

bool codex_prompt_is_injected(tally_span text) {
    static const char *const names[] = {
        "environment_context",   "user_instructions", "codex_internal_context",
        "subagent_notification", "turn_aborted",      "recommended_plugins",
        "INSTRUCTIONS",
    };
    while (text.len > 0 && text.ptr[0] <= ' ')
        text = tally_span_of(text.ptr + 1, text.len - 1);
    if (text.len == 0 || text.ptr[0] != '<') return false;
    text = tally_span_of(text.ptr + 1, text.len - 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (capture_starts(text, names[i])) return true;
    return false;
}
