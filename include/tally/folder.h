/* Shared folders: segments (segment.h) in a folder that something else carries, such as a USB
 * stick, a NAS, Syncthing or a git repository. What to read, write and delete there, without I/O:
 * the caller lists the folder, does what it is told, and says what came of it.
 *
 * A file is called NAME.tally, NAME being 24 hex digits: the first 12 bytes of BLAKE2b (RFC 7693)
 * with 32 bytes of output, keyed with the team secret, no salt, personalisation
 * "tally folder\0\0\0\0", over the writer's device key || u64 big-endian counter. So two writers
 * never write one file, and a stranger learns from names neither who wrote nor how often. While it
 * is written it is called NAME.tally.partial, and then renamed. A file never changes afterwards.
 *
 * What this store knows of files is kept in TALLY_LOCAL_FOLDERS by name, so that any number of
 * folders can be used and a file that is copied from one to another is not read twice. A folder
 * holds what the files that are listed there hold: one that gets lost is made up for by whoever
 * syncs next. Files of older epochs count for nothing, since devices that came later cannot read
 * them, and neither do files of which something could not be taken.
 *
 * One round, with the functions below:
 *
 *     list the folder                      tally_folder_new
 *     for each file worth reading          tally_folder_next_read, in a snapshot
 *         check it                         tally_segment_check; on failure tally_folder_pass_over
 *         one write: take it, note it      tally_segment_take, tally_folder_was_read
 *     one write: what to write             tally_folder_plan
 *     if anything: write NAME.tally.partial, sync it, rename it, sync the folder
 *         one write: note it               tally_folder_was_written
 *     for each file that is superseded     tally_folder_next_delete, in a snapshot
 *         delete it; one write: note it    tally_folder_was_deleted
 *     tally_folder_free */
#ifndef TALLY_FOLDER_H
#define TALLY_FOLDER_H

#include <tally/segment.h>

#define TALLY_FOLDER_SUFFIX         ".tally"
#define TALLY_FOLDER_PARTIAL_SUFFIX ".partial" /* after the other */
#define TALLY_FOLDER_NAME_BYTES     64u        /* what holds any name of ours, with its NUL */
#define TALLY_FOLDER_MAX_FILES      16384u     /* of ours in one folder */
#define TALLY_FOLDER_MAX_SPANS      262144u    /* that all of them hold together */
#define TALLY_FOLDER_JOIN_FILES     16u        /* that many own files are joined into fewer */
#define TALLY_FOLDER_STALE_MS       (24 * 3600 * INT64_C(1000)) /* an own ".partial" is left over */
#define TALLY_FOLDER_FORGET_MS      (400 * 24 * 3600 * INT64_C(1000)) /* a file not listed since */

/* One listed file; `name` is without its folder. */
typedef struct tally_folder_file {
    tally_span name;
    uint64_t size;
} tally_folder_file;

/* Whether a file that is called so may be a segment, whole or partial. */
bool tally_folder_name(tally_span name);

/* One round over one folder. */
typedef struct tally_folder tally_folder;
/* Copies the listing; files with other names than ours are left out (and left alone). The caller
 * frees with tally_folder_free (NULL is allowed). TALLY_ELIMIT, TALLY_ENOMEM. */
int tally_folder_new(const tally_folder_file *files, size_t count, tally_folder **out,
                     tally_error *err);
void tally_folder_free(tally_folder *folder);

/* The next file to be read: one that was not read before, or has another size than then, or from
 * which something was skipped when this store held other records. Ask again after each: a file may
 * have brought what another one lacked. The name lives as long as the folder. TALLY_ENOTFOUND
 * (without touching err) when there is none. */
int tally_folder_next_read(tally_folder *folder, tally_txn *txn, tally_folder_file *out,
                           tally_error *err);
/* This file was damaged, of another team, or not there: it is not asked for again in this round. */
void tally_folder_pass_over(tally_folder *folder, tally_span name);
/* Inside the write that took it in, after tally_segment_take on the same `segment`, which has
 * `spans`. */
int tally_folder_was_read(tally_folder *folder, tally_txn *txn, tally_span name,
                          const tally_segment_read *segment, tally_error *err);

/* What to write. */
typedef struct tally_folder_plan {
    char name[TALLY_FOLDER_NAME_BYTES];    /* "….tally" */
    char partial[TALLY_FOLDER_NAME_BYTES]; /* "….tally.partial", to be made new */
    tally_wire_head *heads; /* holds TALLY_WIRE_MAX_HEADS: for tally_segment_write.heads */
    size_t head_count;
} tally_folder_plan;
/* Inside a write: whether the folder lacks something that this store has, or holds many small files
 * of this device; then a name is reserved and the plan made. `secret` is the newest: files that
 * were read may have brought one, so look it up after them. `now_ms` is the time. TALLY_ENOTFOUND
 * (without touching err) when there is nothing to write. */
int tally_folder_plan_write(tally_folder *folder, tally_txn *txn, const tally_team_secret *secret,
                            int64_t now_ms, tally_folder_plan *plan, tally_error *err);
/* Inside a write, after the file has its name: `segment` is what wrote it, with `spans`; `size`
 * that of the file. When tally_segment_write_to gave TALLY_ENOTFOUND the partial file is deleted
 * and nothing is noted. */
int tally_folder_was_written(tally_folder *folder, tally_txn *txn, const tally_folder_plan *plan,
                             const tally_segment_write *segment, uint64_t size, tally_error *err);

/* The next own file that may go: all that it holds stands in a newer one of this device (or, when
 * it is of an older epoch, in any of the newest), or it is a left over ".partial". TALLY_ENOTFOUND
 * (without touching err) when there is none. */
int tally_folder_next_delete(tally_folder *folder, tally_txn *txn, const tally_team_secret *secret,
                             int64_t now_ms, tally_folder_file *out, tally_error *err);
/* Inside a write: the file is gone (or could not be deleted: `gone` false). */
int tally_folder_was_deleted(tally_folder *folder, tally_txn *txn, tally_span name, bool gone,
                             tally_error *err);

#endif
