/* Agents' settings on disk: read under a limit, replaced as a whole, kept once as they were. What
 * is put into them is settings_edit's matter. */
#ifndef TALLY_CLI_SETTINGS_FILE_H
#define TALLY_CLI_SETTINGS_FILE_H

#include <sys/types.h>

#include "settings_edit.h"

#define SETTINGS_BACKUP ".before-tally"

typedef struct settings_file {
    const hook_agent *agent;
    bool notify;           /* Codex's config.toml; else the file of hooks */
    char path[PATH_MAX];   /* as people know it */
    char target[PATH_MAX]; /* links followed */
    bool exists;
    mode_t mode;
    settings_text text; /* empty when there is none */
} settings_file;

/* The folder in which the agent keeps its settings; false when no home is known. `out` holds
 * PATH_MAX bytes. */
bool settings_folder(const hook_agent *agent, char *out);
/* Clear with settings_file_clear, also after an error. A file that is not there is none. */
int settings_file_read(const hook_agent *agent, bool notify, settings_file *out, tally_error *err);
void settings_file_clear(settings_file *file);

/* Replaces the file; its mode stays. With `keep`, what was there is first written beside it. A new
 * file is for its owner alone, and so is its folder. */
int settings_file_write(const settings_file *file, const settings_text *text, bool keep,
                        tally_error *err);
/* What settings_file_write kept; TALLY_ENOTFOUND when there is nothing. */
int settings_kept_read(const settings_file *file, settings_text *out, tally_error *err);
void settings_kept_remove(const settings_file *file);

#endif
