/* Runs a fuzz target over the files of its corpus, once each, without libFuzzer: how CI replays
 * what fuzzing has found, and how coverage is measured. usage: NAME_fuzz CORPUS_FOLDER... */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX_BYTES (4u * 1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* libFuzzer's, which targets with a mutator of their own name. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    (void)data, (void)max_size;
    return size;
}

/* An exact-size copy, so that a read past the end is caught. */
static int replay(const char *folder, const char *name, uint8_t *buffer) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path) return -1;
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    size_t size = fread(buffer, 1, INPUT_MAX_BYTES, file);
    int bad = ferror(file);
    (void)fclose(file);
    if (bad) return -1;
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) return -1;
    for (size_t i = 0; i < size; i++)
        exact[i] = buffer[i];
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

/* Counts the folder's inputs into `*passed` and `*failed`. */
static void replay_folder(const char *path, uint8_t *buffer, unsigned *passed, unsigned *failed) {
    DIR *folder = opendir(path);
    if (!folder) {
        ++*failed;
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        if (replay(path, entry->d_name, buffer) == 0)
            ++*passed;
        else
            ++*failed;
    }
    (void)closedir(folder);
}

int main(int argc, char **argv) {
    uint8_t *buffer = malloc(INPUT_MAX_BYTES);
    unsigned passed = 0, failed = 0;
    if (argc < 2 || !buffer) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        replay_folder(argv[i], buffer, &passed, &failed);
    free(buffer);
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
