/* The cat of ci/minimal, with libc. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int file, const char *bytes, size_t len) {
    while (len) {
        ssize_t written = write(file, bytes, len);
        if (written < 0) {
            if (errno == EINTR) continue;
            return 0;
        }
        bytes += written;
        len -= written;
    }
    return 1;
}

static int cat(const char *name) {
    struct stat stat;
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (fstat(file, &stat) == 0 && stat.st_size > 0) {
        void *map = mmap(NULL, stat.st_size, PROT_READ, MAP_SHARED, file, 0);
        if (map != MAP_FAILED) {
            int ok = write_all(1, map, stat.st_size);
            munmap(map, stat.st_size);
            close(file);
            return ok;
        }
    }
    for (;;) {
        char buffer[2048];
        ssize_t len = read(file, buffer, sizeof buffer);
        if (len <= 0 || !write_all(1, buffer, len)) {
            close(file);
            return len == 0;
        }
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (!cat(argv[i])) {
            write_all(2, "cat: cannot copy ", 17);
            write_all(2, argv[i], strlen(argv[i]));
            write_all(2, "\n", 1);
            return 1;
        }
    }
    return 0;
}
