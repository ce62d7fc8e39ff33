/* A power cut, as a preloaded library. Everything under POWER_ROOT is written as usual, and also kept as it would stand
 * on a disk with a volatile cache: a file's contents reach POWER_SHADOW only by fsync or fdatasync, its name only by an
 * fsync of the directory or of the file itself (as on ext4). After a kill the store is what the shadow holds.
 *
 * POWER_LIES: fdatasync of files whose path contains this text is answered without doing anything.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root, *shadow, *lies;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    root = getenv("POWER_ROOT");
    shadow = getenv("POWER_SHADOW");
    lies = getenv("POWER_LIES");
}

static int inside(const char *path) {
    return root && shadow && strncmp(path, root, strlen(root)) == 0;
}

static int shadow_of(const char *path, char *out) {
    return snprintf(out, PATH_MAX, "%s%s", shadow, path + strlen(root)) < PATH_MAX;
}

static int absolute(const char *path, char *out) {
    if (path[0] == '/')
        return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    char here[PATH_MAX];
    return getcwd(here, sizeof here) && snprintf(out, PATH_MAX, "%s/%s", here, path) < PATH_MAX;
}

static int path_of(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0)
        return 0;
    out[length] = 0;
    return 1;
}

static void make_parents(char *path) {
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(path, 0700);
        *at = '/';
    }
}

/* The whole file as it stands now: more than a real disk need have, never less than it must. */
static void keep_file(int fd, const char *path, off_t length) {
    char to[PATH_MAX], new[PATH_MAX + 8];
    if (!shadow_of(path, to))
        abort();
    make_parents(to);
    snprintf(new, sizeof new, "%s.keep", to);
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    int in = open(source, O_RDONLY | O_CLOEXEC);
    int out = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        abort();
    static char chunk[1 << 16];
    for (off_t at = 0; at < length;) {
        ssize_t got = pread(in, chunk, sizeof chunk, at);
        if (got <= 0)
            break;
        if (write(out, chunk, got) != got)
            abort();
        at += got;
    }
    close(in);
    close(out);
    /* Killed in between, the old contents stay: as if the cut had come before. */
    rename(new, to);
}

static int sync_of(int fd, const char *name, int may_lie) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char path[PATH_MAX];
    struct stat is;
    if (!path_of(fd, path) || !inside(path) || fstat(fd, &is) != 0)
        return real(fd);
    if (may_lie && lies && *lies && strstr(path, lies))
        return 0;
    if (S_ISREG(is.st_mode)) {
        pthread_mutex_lock(&one);
        keep_file(fd, path, is.st_size);
        pthread_mutex_unlock(&one);
    } else if (S_ISDIR(is.st_mode)) {
        char to[PATH_MAX];
        if (shadow_of(path, to)) {
            make_parents(to);
            mkdir(to, 0700);
        }
    }
    /* The real disk is not asked: only what the shadow holds counts, and tests should be quick. */
    return 0;
}

int fsync(int fd) { return sync_of(fd, "fsync", 0); }
int fdatasync(int fd) { return sync_of(fd, "fdatasync", 1); }

/* Not a sync: it writes no metadata and leaves the drive's cache alone. */
int sync_file_range(int fd, off64_t from, off64_t count, unsigned flags) {
    (void)fd, (void)from, (void)count, (void)flags;
    return 0;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) =
        (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    char old[PATH_MAX], new[PATH_MAX], shadow_old[PATH_MAX], shadow_new[PATH_MAX];
    int done = real(from, to);
    if (done == 0 && absolute(from, old) && absolute(to, new) && inside(old) && inside(new) &&
        shadow_of(old, shadow_old) && shadow_of(new, shadow_new)) {
        /* Journalled metadata: in order, soon. What was never synced has no contents under the new name either. */
        pthread_mutex_lock(&one);
        make_parents(shadow_new);
        real(shadow_old, shadow_new);
        pthread_mutex_unlock(&one);
    }
    return done;
}

int unlink(const char *path) {
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    char at[PATH_MAX], gone[PATH_MAX];
    int done = real(path);
    if (done == 0 && absolute(path, at) && inside(at) && shadow_of(at, gone)) {
        pthread_mutex_lock(&one);
        real(gone);
        pthread_mutex_unlock(&one);
    }
    return done;
}
