/* Runs RFC 6962 proof vectors from a JSON file through the two verifiers and compares with what
 * each case wants: merkle_vectors FILE. How the tree works is in ledger/merkle.c. */
#include <tally/json.h>
#include <tally/merkle.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "vector_file.h"

#define BASE64_MAX_BYTES 256u
#define NAME_MAX_BYTES   512u
#define PROOF_MAX_HASHES 512u /* longer ones cannot hold for any 64-bit size */

/* `sound` is false as soon as a field cannot even be given to a verifier: a refusal. */
typedef struct vector {
    bool sound;
    size_t count;
    tally_hash proof[PROOF_MAX_HASHES];
} vector;

/* 0 to 2^64 - 1, from the text: tally_json_u64 stops at 2^53. */
static bool number_of(const tally_json *object, const char *name, uint64_t *out) {
    tally_json value;
    if (!tally_json_get(object, name, &value) || value.type != TALLY_JSON_NUMBER) return false;
    *out = 0;
    for (size_t i = 0; i < value.raw.len; i++) {
        uint8_t c = value.raw.ptr[i];
        if (c < '0' || c > '9') return false;
        if (__builtin_mul_overflow(*out, 10, out)) return false;
        if (tally_add_u64(*out, (uint64_t)(c - '0'), out) != 0) return false;
    }
    return true;
}

static bool hash_of(const tally_json *value, tally_hash *out) {
    char text[BASE64_MAX_BYTES];
    size_t text_len, len;
    if (value->type != TALLY_JSON_STRING || value->raw.len > sizeof text) return false;
    tally_json_text(value, text, sizeof text, &text_len);
    return sodium_base642bin(out->b, sizeof out->b, text, text_len, NULL, &len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           len == sizeof out->b;
}

static void read_hash(vector *v, const tally_json *object, const char *name, tally_hash *out) {
    tally_json value;
    if (!tally_json_get(object, name, &value) || !hash_of(&value, out)) v->sound = false;
}

static void read_number(vector *v, const tally_json *object, const char *name, uint64_t *out) {
    if (!number_of(object, name, out)) v->sound = false;
}

/* An array of hashes; null is the empty proof. */
static void read_proof(vector *v, const tally_json *object) {
    tally_json proof, element;
    v->count = 0;
    if (!tally_json_get(object, "proof", &proof) || proof.type == TALLY_JSON_NULL) return;
    if (proof.type != TALLY_JSON_ARRAY) v->sound = false;
    tally_json_iter iter;
    tally_json_iter_init(&iter, &proof);
    while (tally_json_next(&iter, NULL, &element)) {
        if (v->count == PROOF_MAX_HASHES || !hash_of(&element, &v->proof[v->count])) {
            v->sound = false;
            return;
        }
        v->count++;
    }
}

static bool inclusion_holds(const tally_json *item) {
    static vector v;
    uint64_t index, size;
    tally_hash leaf, root;
    v.sound = true;
    read_number(&v, item, "leafIdx", &index);
    read_number(&v, item, "treeSize", &size);
    read_hash(&v, item, "leafHash", &leaf);
    read_hash(&v, item, "root", &root);
    read_proof(&v, item);
    return v.sound && tally_inclusion_verify(index, size, &leaf, v.proof, v.count, &root) == 0;
}

/* Two heads of one size are consistent when their roots are the same bytes (RFC 9162 2.1.4.2 hashes
 * nothing then, so any length will do). */
static bool same_root(const tally_json *item) {
    tally_json root1, root2;
    return tally_json_get(item, "root1", &root1) && tally_json_get(item, "root2", &root2) &&
           root1.type == TALLY_JSON_STRING && root2.type == TALLY_JSON_STRING &&
           tally_span_eq(root1.raw, root2.raw);
}

static bool consistency_holds(const tally_json *item) {
    static vector v;
    uint64_t size1, size2;
    tally_hash root1, root2;
    v.sound = true;
    read_number(&v, item, "size1", &size1);
    read_number(&v, item, "size2", &size2);
    read_proof(&v, item);
    if (v.sound && size1 == size2 && v.count == 0) return same_root(item);
    read_hash(&v, item, "root1", &root1);
    read_hash(&v, item, "root2", &root2);
    return v.sound && tally_consistency_verify(size1, size2, v.proof, v.count, &root1, &root2) == 0;
}

static void run_one(const char *group, const tally_json *item, bool (*holds)(const tally_json *),
                    outcome *count) {
    tally_json want;
    bool refusal = tally_json_get(item, "wantErr", &want) && tally_json_true(&want);
    if (holds(item) != refusal) {
        count->passed++;
        return;
    }
    count->failed++;
    char text[NAME_MAX_BYTES];
    size_t len = 0;
    tally_json name;
    if (tally_json_get(item, "name", &name)) tally_json_text(&name, text, sizeof text, &len);
    printf("%s: %.*s: %s\n", group, (int)len, text,
           refusal ? "accepted, must be refused" : "refused, must be accepted");
}

static int run_group(const tally_json *document, const char *group,
                     bool (*holds)(const tally_json *), outcome *count) {
    tally_json items, item;
    if (!tally_json_get(document, group, &items)) return 0;
    if (items.type != TALLY_JSON_ARRAY) return -1;
    tally_json_iter iter;
    tally_json_iter_init(&iter, &items);
    while (tally_json_next(&iter, NULL, &item))
        run_one(group, &item, holds, count);
    return 0;
}

static int run_all(const tally_json *document, outcome *count) {
    int rc = run_group(document, "inclusion", inclusion_holds, count);
    return rc == 0 ? run_group(document, "consistency", consistency_holds, count) : rc;
}

int main(int argc, char **argv) {
    return run_vector_file(argc, argv, run_all);
}
