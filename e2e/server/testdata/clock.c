// A clock that can be stepped: the wall clock plus as many nanoseconds as the first
// eight bytes of the file $CLOCK_OFFSET say. The file is mapped, so a step takes
// effect at once in a running process. The monotonic clock is left alone.
//
// It asks the kernel by itself: to look up the C library's functions in here would
// need memory at a time when the process's allocator asks for the time.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *offset;

__attribute__((constructor)) static void map_offset(void) {
	const char *path = getenv("CLOCK_OFFSET");
	int fd = path ? open(path, O_RDONLY) : -1;
	if (fd < 0) abort();
	void *p = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) abort();
	offset = p;
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ts) {
	int rc = (int)syscall(SYS_clock_gettime, id, ts);
	if (rc != 0 || !offset || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return rc;
	long long ns = ts->tv_sec * 1000000000LL + ts->tv_nsec + *offset;
	ts->tv_sec = ns / 1000000000LL;
	ts->tv_nsec = ns % 1000000000LL;
	return 0;
}

int gettimeofday(struct timeval *tv, void *zone) {
	(void)zone;
	struct timespec ts;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0) return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *out) {
	struct timespec ts;
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0) return (time_t)-1;
	if (out) *out = ts.tv_sec;
	return ts.tv_sec;
}
