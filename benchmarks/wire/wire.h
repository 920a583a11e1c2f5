/* What the load tools share: the clock, a histogram, HTTP/1.1 framing, sockets.
 *
 * Each tool is one thread and one epoll, and allocates nothing while it measures. All times are
 * nanoseconds of CLOCK_MONOTONIC, which is one clock for every process of the machine; so a stamp
 * that one tool wrote can be compared with what the other reads.
 */
#ifndef WIRE_H
#define WIRE_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define MAX_OPEN 20000 /* descriptors that a tool may have */
#define MARK "\"t=" /* how the content of each event begins; the stamp of its sending follows */
#define STAMP_DIGITS 18
#define ANSWER_TEXT "An answer of the bench upstream." /* the content where nothing is streamed */

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

/* ---- text ---- */

static inline const char *find(const char *from, const char *end, const char *wanted) {
    return from < end ? memmem(from, (size_t)(end - from), wanted, strlen(wanted)) : NULL;
}

static inline void put_digits(char *to, uint64_t value, int width) {
    while (width--) {
        to[width] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Reads at most `most` digits; stops at the first sign that is none. */
static inline uint64_t read_digits(const char *from, const char *end, int most) {
    uint64_t value = 0;
    for (; from < end && most-- && *from >= '0' && *from <= '9'; from++)
        value = value * 10 + (uint64_t)(*from - '0');
    return value;
}

/* Says whether `"name": true` stands in a JSON text, with or without spaces. */
static inline bool is_true(const char *from, const char *end, const char *quoted_name) {
    const char *at = find(from, end, quoted_name);
    if (!at) return false;
    at += strlen(quoted_name);
    while (at < end && (*at == ':' || *at == ' ')) at++;
    return at < end && *at == 't';
}

/* ---- a histogram whose buckets are less than one per cent wide ---- */

#define BUCKETS (57 * 128 + 128)

struct histogram {
    uint64_t count, max;
    uint32_t bucket[BUCKETS];
};

static inline void note(struct histogram *h, uint64_t value) {
    int shift = value < 128 ? 0 : 56 - __builtin_clzll(value);
    h->bucket[(uint64_t)shift * 128 + (value >> shift)]++;
    h->count++;
    if (value > h->max) h->max = value;
}

/* The value below which `share` of the notes lie, in microseconds. */
static inline double quantile_us(const struct histogram *h, double share) {
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen <= wanted) continue;
        int shift = i < 256 ? 0 : i / 128 - 1;
        double low = (double)((uint64_t)(i - shift * 128) << shift);
        return (low + (double)(1ull << shift) / 2) / 1000;
    }
    return (double)h->max / 1000;
}

/* ---- HTTP/1.1 ---- */

struct fields {
    uint64_t length;
    bool has_length, chunked, close;
};

/* Reads the fields that say how a message goes on, from behind its first line. */
static inline struct fields read_fields(const char *from, const char *end) {
    struct fields f = {0};
    while (from < end) {
        const char *stop = memchr(from, '\n', (size_t)(end - from));
        if (!stop) stop = end;
        if (!strncasecmp(from, "content-length:", 15)) {
            const char *value = from + 15;
            while (value < stop && *value == ' ') value++;
            f.length = read_digits(value, stop, 18);
            f.has_length = true;
        } else if (!strncasecmp(from, "transfer-encoding:", 18)) {
            f.chunked = find(from, stop, "chunked") != NULL;
        } else if (!strncasecmp(from, "connection:", 11)) {
            f.close = find(from, stop, "close") || find(from, stop, "Close");
        }
        from = stop + 1;
    }
    return f;
}

/* A reader of chunked bodies, fed in parts of any size. */
struct chunks {
    enum { SIZE, EXTENSION, DATA, DATA_END, TRAILER, TRAILER_LINE, OVER, BROKEN } at;
    uint64_t left;
};

static inline void chunk_sign(struct chunks *c, char sign) {
    int digit = sign >= '0' && sign <= '9'                     ? sign - '0'
                : (sign | 32) >= 'a' && (sign | 32) <= 'f'     ? (sign | 32) - 'a' + 10
                                                               : -1;
    if (c->at == SIZE && digit >= 0 && c->left < 1ull << 40)
        c->left = c->left * 16 + (uint64_t)digit;
    else if (c->at == SIZE && sign != '\n')
        c->at = sign == '\r' || sign == ';' || sign == ' ' ? EXTENSION : BROKEN;
    else if (c->at == SIZE || c->at == EXTENSION)
        c->at = sign != '\n' ? EXTENSION : c->left ? DATA : TRAILER;
    else if (c->at == DATA_END)
        c->at = sign == '\n' ? SIZE : sign == '\r' ? DATA_END : BROKEN;
    else if (sign == '\n')
        c->at = c->at == TRAILER ? OVER : TRAILER;
    else if (sign != '\r')
        c->at = TRAILER_LINE;
}

/* Moves *from over framing, then over the next run of payload; returns the run's length and puts
 * its beginning into *run. 0 where the input is used up or the body is over or broken. */
static inline size_t next_run(struct chunks *c, const char **from, const char *end,
                              const char **run) {
    while (*from < end && c->at != DATA && c->at < OVER) chunk_sign(c, *(*from)++);
    if (c->at != DATA || *from == end) return 0;
    size_t size = (size_t)(end - *from);
    if (size > c->left) size = c->left;
    *run = *from;
    *from += size;
    c->left -= size;
    if (!c->left) c->at = DATA_END;
    return size;
}

/* ---- sockets and waiting ---- */

static inline struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline void watch(int epoll, int operation, int fd, uint32_t events, uint32_t key) {
    struct epoll_event event = {.events = events, .data.u32 = key};
    if (epoll_ctl(epoll, operation, fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

/* Waits until something happens or the time `until` has come; returns how much happened. */
static inline int wait_until(int epoll, struct epoll_event *events, int most, uint64_t until) {
    uint64_t now = now_ns(), left = until > now ? until - now : 0;
    struct timespec t = {(time_t)(left / SECOND), (long)(left % SECOND)};
    int count = epoll_pwait2(epoll, events, most, &t, NULL);
    if (count < 0 && errno != EINTR) die("epoll_pwait2: %s (Linux 5.11)", strerror(errno));
    return count < 0 ? 0 : count;
}

/* Precedence on the core, where that is allowed, so that other work there is not measured. Linux
 * may weigh whole sessions against each other; so this one is alone in its own. */
static inline void go_first(void) {
    setsid();
    setpriority(PRIO_PROCESS, 0, -10);
    FILE *group = fopen("/proc/self/autogroup", "w");
    if (!group) return;
    fputs("-10", group);
    fclose(group);
}

/* As many descriptors as are allowed, timers that are not rounded, no life without end. */
static inline void prepare(unsigned seconds_to_live) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_OPEN ? limit.rlim_max : MAX_OPEN;
    setrlimit(RLIMIT_NOFILE, &limit);
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    go_first();
    alarm(seconds_to_live);
}

/* Seconds of processor time that this process has used. */
static inline double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
