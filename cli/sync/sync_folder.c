/* tally sync folder: one round over a folder that something else carries. What to read, write and
 * delete there is decided in sync/folder.c; this does it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/folder.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"
#include "segment_kit.h"

#define LISTED_MAX (2u * TALLY_FOLDER_MAX_FILES) /* whole ones and partial ones */

typedef struct round_done {
    uint64_t files_read, files_refused, records_in, blobs_in, skipped;
    bool wrote;
    uint64_t records_out, blobs_out, files_deleted;
} round_done;

typedef struct folder_round {
    cli *run;
    const char *dir;
    tally_ledger *ledger;
    cli_segment_kit kit;
    tally_folder *folder;
    tally_folder_plan plan;
    tally_folder_file file; /* that is being read or deleted */
    uint64_t size;          /* of the one written */
    bool gone;
    tally_segment_write written;
    round_done done;
} folder_round;

/* ---- listing ---- */

typedef struct file_list {
    tally_folder_file *files;
    size_t count, room;
} file_list;

static void list_free(file_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->files[i].name.ptr);
    free(list->files);
}

static int list_add(file_list *list, const char *name, uint64_t size, tally_error *err) {
    if (list->count == LISTED_MAX)
        return tally_fail(err, TALLY_ELIMIT, "the folder holds more than %u segments", LISTED_MAX);
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        tally_folder_file *grown = realloc(list->files, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        list->files = grown;
        list->room = room;
    }
    char *copy = strdup(name);
    if (!copy) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    list->files[list->count++] = (tally_folder_file){tally_span_str(copy), size};
    return 0;
}

static int dir_fail(const char *dir, tally_error *err) {
    int code = errno == ENOENT ? TALLY_ENOTFOUND : errno == ENOTDIR ? TALLY_EINVAL : TALLY_EIO;
    return tally_fail(err, code, "cannot read the folder %s: %s", dir, strerror(errno));
}

static int list_read(const char *path, file_list *list, tally_error *err) {
    DIR *dir = opendir(path);
    if (!dir) return dir_fail(path, err);
    int code = 0;
    for (const struct dirent *entry; !code && (errno = 0, entry = readdir(dir));) {
        struct stat kind;
        if (!tally_folder_name(tally_span_str(entry->d_name)) ||
            fstatat(dirfd(dir), entry->d_name, &kind, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(kind.st_mode))
            code = list_add(list, entry->d_name, (uint64_t)kind.st_size, err);
    }
    if (!code && errno) code = dir_fail(path, err);
    closedir(dir);
    return code;
}

static int folder_open(folder_round *round, tally_error *err) {
    file_list list = {.files = NULL};
    int code = list_read(round->dir, &list, err);
    if (!code) code = tally_folder_new(list.files, list.count, &round->folder, err);
    list_free(&list);
    return code;
}

static int path_make(const folder_round *round, tally_span name, char out[PATH_MAX],
                     tally_error *err) {
    int length =
        snprintf(out, PATH_MAX, "%s/%.*s", round->dir, (int)name.len, (const char *)name.ptr);
    if (length < 0 || length >= PATH_MAX)
        return tally_fail(err, TALLY_EINVAL, "the folder's path is too long");
    return 0;
}

/* ---- reading ---- */

static int was_read(void *ctx, tally_txn *txn, const tally_segment_read *segment,
                    tally_error *err) {
    folder_round *round = ctx;
    return tally_folder_was_read(round->folder, txn, round->file.name, segment, err);
}

/* What is the file's fault, and not this store's. */
static bool file_fault(int code) {
    return code == TALLY_EFORMAT || code == TALLY_ELIMIT || code == TALLY_ENOTFOUND ||
           code == TALLY_EIO;
}

static int file_take(folder_round *round, const char *path, tally_error *err) {
    tally_segment_read taken;
    int fd = -1;
    int code = cli_segment_open_listed(path, &fd, err);
    if (!code) code = cli_segment_take(&round->kit, fd, was_read, round, &taken, err);
    if (fd >= 0) close(fd);
    if (code) return code;
    round->done.files_read++;
    round->done.records_in += taken.records;
    round->done.blobs_in += taken.blobs;
    round->done.skipped += taken.skipped;
    return 0;
}

static int next_read(folder_round *round, tally_error *err) {
    tally_txn *txn = NULL;
    int code = tally_read_begin(round->ledger, &txn, err);
    if (!code) code = tally_folder_next_read(round->folder, txn, &round->file, err);
    if (txn) tally_read_end(txn);
    return code;
}

static int files_read(folder_round *round, tally_error *err) {
    char path[PATH_MAX];
    int code;
    while ((code = next_read(round, err)) == 0) {
        tally_error refused = {0};
        code = path_make(round, round->file.name, path, err);
        if (code) return code;
        code = file_take(round, path, &refused);
        if (code && !file_fault(code)) {
            *err = refused;
            return code;
        }
        if (code) {
            cli_say("%s was passed over: %s", path, refused.text);
            round->done.files_refused++;
            tally_folder_pass_over(round->folder, round->file.name);
        }
    }
    return code == TALLY_ENOTFOUND ? 0 : code;
}

/* ---- writing ---- */

static int plan_make(void *ctx, tally_txn *txn, tally_error *err) {
    folder_round *round = ctx;
    return tally_folder_plan_write(round->folder, txn, round->kit.secrets, cli_now_ms(),
                                   &round->plan, err);
}

static int was_written(void *ctx, tally_txn *txn, tally_error *err) {
    folder_round *round = ctx;
    return tally_folder_was_written(round->folder, txn, &round->plan, &round->written, round->size,
                                    err);
}

static int file_put(folder_round *round, tally_error *err) {
    char partial[PATH_MAX], path[PATH_MAX];
    cli_segment_new file = {.out = NULL};
    struct stat kind;
    int code = path_make(round, tally_span_str(round->plan.partial), partial, err);
    if (!code) code = path_make(round, tally_span_str(round->plan.name), path, err);
    if (!code) code = cli_segment_create_as(&file, partial, path, err);
    if (code) return code;
    code = cli_segment_put(&round->kit, round->plan.heads, round->plan.head_count, &file,
                           &round->written, err);
    if (code == TALLY_ENOTFOUND) return 0;
    if (!code && stat(path, &kind) != 0)
        return tally_fail(err, TALLY_EIO, "%s is gone again: %s", path, strerror(errno));
    if (code) return code;
    round->size = (uint64_t)kind.st_size;
    round->done.wrote = true;
    round->done.records_out = round->written.records;
    round->done.blobs_out = round->written.blobs;
    return tally_ledger_write(round->ledger, cli_now_ms(), was_written, round, err);
}

static int file_write(folder_round *round, tally_error *err) {
    round->plan.heads = calloc(TALLY_WIRE_MAX_HEADS, sizeof *round->plan.heads);
    if (!round->plan.heads) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = tally_ledger_write(round->ledger, cli_now_ms(), plan_make, round, err);
    if (!code) code = file_put(round, err);
    free(round->plan.heads);
    return code == TALLY_ENOTFOUND ? 0 : code;
}

/* ---- deleting ---- */

static int next_delete(folder_round *round, tally_error *err) {
    tally_txn *txn = NULL;
    int code = tally_read_begin(round->ledger, &txn, err);
    if (!code)
        code = tally_folder_next_delete(round->folder, txn, round->kit.secrets, cli_now_ms(),
                                        &round->file, err);
    if (txn) tally_read_end(txn);
    return code;
}

static int was_deleted(void *ctx, tally_txn *txn, tally_error *err) {
    folder_round *round = ctx;
    return tally_folder_was_deleted(round->folder, txn, round->file.name, round->gone, err);
}

static int files_delete(folder_round *round, tally_error *err) {
    char path[PATH_MAX];
    int code;
    while ((code = next_delete(round, err)) == 0) {
        code = path_make(round, round->file.name, path, err);
        if (code) return code;
        round->gone = unlink(path) == 0 || errno == ENOENT;
        if (round->gone) round->done.files_deleted++;
        code = tally_ledger_write(round->ledger, cli_now_ms(), was_deleted, round, err);
        if (code) return code;
    }
    return code == TALLY_ENOTFOUND ? 0 : code;
}

/* ---- the command ---- */

static void done_json(cli *run, const round_done *done) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "files_read", done->files_read);
    cli_json_u64(&json, "files_refused", done->files_refused);
    cli_json_u64(&json, "records_in", done->records_in);
    cli_json_u64(&json, "blobs_in", done->blobs_in);
    cli_json_u64(&json, "skipped", done->skipped);
    cli_json_u64(&json, "files_written", done->wrote);
    cli_json_u64(&json, "records_out", done->records_out);
    cli_json_u64(&json, "blobs_out", done->blobs_out);
    cli_json_u64(&json, "files_deleted", done->files_deleted);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void done_text(const round_done *done) {
    char amount[CLI_AMOUNT_TEXT_BYTES];
    cli_amount_text(done->records_in, done->blobs_in, amount);
    cli_say("read %" PRIu64 " new file%s: %s taken in", done->files_read,
            done->files_read == 1 ? "" : "s", amount);
    cli_amount_text(done->records_out, done->blobs_out, amount);
    if (done->wrote)
        cli_say("wrote one file: %s", amount);
    else
        cli_say("the folder lacks nothing that is here");
    if (done->files_deleted)
        cli_say("deleted %" PRIu64 " files of this device that newer ones stand for",
                done->files_deleted);
    if (done->skipped)
        cli_say("%" PRIu64 " commits wait for something that is not here yet", done->skipped);
}

static int folder_run(cli *run) {
    tally_error err = {0};
    folder_round round = {.run = run, .dir = run->arguments[0]};
    int code = cli_ledger_open(run, false, &round.ledger, &err);
    if (!code) code = cli_segment_kit_open(round.ledger, &round.kit, &err);
    if (!code) code = folder_open(&round, &err);
    if (!code) code = files_read(&round, &err);
    if (!code) code = file_write(&round, &err);
    if (!code) code = files_delete(&round, &err);
    if (!code && run->json)
        done_json(run, &round.done);
    else if (!code)
        done_text(&round.done);
    tally_folder_free(round.folder);
    cli_segment_kit_close(&round.kit);
    tally_ledger_close(round.ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_sync_folder = {.name = "sync folder",
                                         .arguments = "DIR",
                                         .summary = "sync through a folder that something else "
                                                    "carries",
                                         .example = "tally sync folder ~/Syncthing/tally",
                                         .min_arguments = 1,
                                         .max_arguments = 1,
                                         .run = folder_run};
