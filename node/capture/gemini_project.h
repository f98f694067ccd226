/* Which directory a Gemini CLI chat was held in: files beside the chats tell. */
#ifndef CAPTURE_GEMINI_PROJECT_H
#define CAPTURE_GEMINI_PROJECT_H

#include "field.h"

/* Where "/chats/" stands in the path of a chat: the last one. NULL when there is none. */
const char *gemini_chats(const char *path);

/* For `.../.gemini/tmp/ID/chats/...`: the text of tmp/ID/.project_root; else the path whose name,
 * or whose SHA-256, is ID in .gemini/projects.json (agent-logs 6.1). False when neither tells. */
bool gemini_project(const char *path, char out[CAPTURE_TEXT_MAX_BYTES], size_t *len);

#endif
