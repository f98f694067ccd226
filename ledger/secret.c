/* Memory for secrets, over libsodium's guarded pages; and keeping the process from being dumped. */
#include <tally/secret.h>

#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>

int tally_secret_new(size_t size, void **out, tally_error *err) {
    *out = NULL;
    if (sodium_init() < 0)
        return tally_fail(err, TALLY_EIO, "cannot use keys: libsodium found no random generator");
    *out = sodium_malloc(size); /* also when it cannot be locked: that is doctor's to say */
    if (!*out)
        return tally_fail(err, TALLY_ENOMEM, "no guarded memory for secrets: check 'ulimit -v'");
    memset(*out, 0, size);
    return 0;
}

void tally_secret_free(void *secret) {
    sodium_free(secret);
}

bool tally_secret_locks(void) {
    void *page = sodium_init() < 0 ? NULL : sodium_malloc(1);
    bool locks = page && sodium_mlock(page, 1) == 0;
    sodium_free(page); /* unlocks */
    return locks;
}

void tally_secret_no_dumps(void) {
#ifdef TALLY_NO_DUMPS
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
