/* The load: chat completions asked of one address on loopback, from one thread, in one of five
 * scenarios. `closed` keeps so many connections busy; `paced` reads many slow streams at once;
 * `first` sends at fixed times whatever the answers do, and measures from those times, so that a
 * stall is seen whole; `leave` opens streams and closes them in mid-stream, one by one or all at
 * once; `hold` keeps streams open until a line comes on its standard input (it says `holding N` when
 * all are open). Every answer is
 * checked (answer.h); what is wrong is counted, and the first is told. It prints one JSON object,
 * times in microseconds unless the name says otherwise. Nothing in it runs without a bound.
 */
#include "answer.h"

#define MOST 16000 /* connections */
#define MOST_SECONDS 600
#define MOST_ERRORS 1000 /* after so many a closed loop gives up */
#define GRACE (30 * SECOND) /* for what is still open when the time is over */
#define OPENING (60 * SECOND) /* within which all streams of `leave` and `hold` must have begun */
#define STANDARD_INPUT MOST

struct conn {
    enum { CLOSED, CONNECTING, FREE, ASKING } state;
    int fd;
    uint32_t id;
    uint64_t due, sent, first, last; /* when to ask; when asked; first and last event */
    struct answer answer;
};

struct scenario {
    const char *name;
    void (*begin)(void);
    uint64_t (*tick)(uint64_t now);             /* does what is due; when to be called again */
    void (*ready)(struct conn *c);              /* it is connected */
    void (*ended)(struct conn *c, bool whole);  /* its answer is over; or it is closed */
};

static struct {
    const char *target, *model;
    double connections, streams, events, rate, seconds, events_per_second, ramp, warmup, spread;
    bool stream, usage, at_once;
} ask = {.model = "m", .connections = 32, .streams = 300, .events = 100, .rate = 50, .seconds = 2,
         .events_per_second = 50, .ramp = 1, .warmup = 0.3, .spread = 2};

static struct conn conns[MOST];
static uint32_t free_conns[MOST]; /* of `first`: the one that was used last is used next */
static size_t free_count, used;
static int epoll_fd;
static bool over, released;
static struct sockaddr_in address;
static char path[512] = "/v1/chat/completions", fields[4096], request[8192];
static size_t request_size, id_at;
static uint32_t last_id, events_each;
static uint64_t started, window_from, window_to, read_at;

static uint64_t requests, requests_total, events, events_total, errors, unfinished, reopened;
static uint64_t max_gap;
static char first_error[sizeof wrong];
static struct histogram latency, first_token, delay, lateness;
static struct { uint32_t id; uint64_t ns; } closed[MOST];
static size_t closed_count, begun, waiting;

static bool in_window(uint64_t now) { return now >= window_from && now < window_to; }

/* ---- connections ---- */

static void note_error(const char *text) {
    if (!errors++) snprintf(first_error, sizeof first_error, "%s", text);
    if (errors >= MOST_ERRORS) over = true;
}

static void hang_up(struct conn *c) {
    if (c->state != CLOSED) close(c->fd);
    c->state = CLOSED;
}

static const struct scenario *scenario;

static void fail(struct conn *c) {
    note_error(wrong);
    hang_up(c);
    scenario->ended(c, false);
}

static void open_conn(struct conn *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket: %s", strerror(errno));
    no_delay(c->fd);
    c->state = CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        say_wrong("connect: %s", strerror(errno));
        fail(c);
    } else {
        watch(epoll_fd, EPOLL_CTL_ADD, c->fd, EPOLLOUT, (uint32_t)(c - conns));
    }
}

static void send_request(struct conn *c) {
    c->id = ++last_id;
    put_digits(request + id_at, c->id, 10);
    c->first = c->last = 0;
    c->state = ASKING;
    expect_answer(&c->answer, ask.stream, events_each);
    requests_total++;
    c->sent = now_ns();
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) == (ssize_t)request_size) return;
    say_wrong("send: %s", strerror(errno)); /* a request is small: there is room for all of it */
    fail(c);
}

static void see_event(void *owner, uint64_t stamp) {
    struct conn *c = owner;
    events_total++;
    if (!c->first) c->first = read_at;
    if (in_window(read_at)) {
        events++;
        if (stamp && read_at > stamp) note(&delay, read_at - stamp);
        if (c->last && read_at - c->last > max_gap) max_gap = read_at - c->last;
    }
    c->last = read_at;
}

static void read_some(struct conn *c) {
    static char bytes[262144];
    ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    read_at = now_ns();
    if (c->state == FREE) { /* a kept connection is closed, or something is said unasked */
        if (got > 0) note_error("bytes behind the answer");
        hang_up(c);
        reopened++;
        return;
    }
    enum verdict said = got > 0    ? read_answer(&c->answer, bytes, (size_t)got, see_event, c)
                        : got == 0 ? answer_ended(&c->answer)
                                   : say_wrong("recv: %s", strerror(errno));
    if (said == WRONG) return fail(c);
    if (said == MORE) return;
    c->state = FREE;
    if (got == 0 || c->answer.close_after) {
        hang_up(c);
        reopened++;
    }
    scenario->ended(c, true);
}

static void connected(struct conn *c) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        say_wrong("connect: %s", strerror(error));
        return fail(c);
    }
    watch(epoll_fd, EPOLL_CTL_MOD, c->fd, EPOLLIN, (uint32_t)(c - conns));
    c->state = FREE;
    scenario->ready(c);
}

/* ---- closed: so many connections, each asks again as soon as it is answered ---- */

static void closed_begin(void) {
    window_from = started + (uint64_t)(ask.warmup * 1e9);
    window_to = window_from + (uint64_t)(ask.seconds * 1e9);
    for (; used < (size_t)ask.connections; used++) open_conn(&conns[used]);
    waiting = used;
}

static void closed_ready(struct conn *c) {
    if (now_ns() < window_to) return send_request(c);
    waiting--;
    hang_up(c);
}

static void closed_ended(struct conn *c, bool whole) {
    if (whole && in_window(read_at)) {
        requests++;
        note(&latency, read_at - c->sent);
        if (c->first) note(&first_token, c->first - c->sent);
    }
    if (c->state == FREE) closed_ready(c);
    else if (now_ns() < window_to && !over) open_conn(c);
    else waiting--;
}

static uint64_t closed_tick(uint64_t now) {
    if (!waiting) over = true;
    if (now >= window_to + GRACE) {
        over = true;
        say_wrong("no answer within %llu s of the end", GRACE / SECOND);
        while (waiting && waiting--) note_error(wrong);
    }
    return now < window_to ? window_to : window_to + GRACE;
}

/* ---- streams that are opened one after the other and live together ---- */

/* When to open a stream. Evenly spaced ones would beat together wherever their distance divides
 * the time between two events, so each is moved by a part of it that does not repeat. */
static uint64_t opening(size_t number) {
    double parted = (double)number * 0.6180339887;
    parted -= (double)(uint64_t)parted;
    return started + (uint64_t)(((double)number + parted) * ask.ramp * 1e9 / ask.streams);
}

/* Opens those whose time has come; returns when the next one is due, or 0 after the last. */
static uint64_t open_streams(uint64_t now) {
    while (used < (size_t)ask.streams && opening(used) <= now && !over) {
        waiting++;
        open_conn(&conns[used++]);
    }
    return used < (size_t)ask.streams ? opening(used) : 0;
}

static void paced_begin(void) {
    window_from = started + (uint64_t)((ask.ramp + 0.2) * 1e9);
    window_to = window_from + (uint64_t)(ask.seconds * 1e9);
}

static void paced_ended(struct conn *c, bool whole) {
    waiting--;
    hang_up(c);
    if (!whole) return;
    requests++;
    if (c->first) note(&first_token, c->first - c->sent);
}

static uint64_t paced_tick(uint64_t now) {
    uint64_t next = open_streams(now), last = window_to + (uint64_t)(ask.ramp * 1e9) + SECOND;
    if (next) return next;
    if (!waiting) over = true;
    if (now < last) return last;
    unfinished = waiting; /* they came slowly, but were not wrong so far */
    over = true;
    return now;
}

/* ---- leave and hold: streams that the client ends ---- */

static void endless_begin(void) {
    window_from = started;
    window_to = started + (uint64_t)MOST_SECONDS * SECOND;
}

static void endless_ended(struct conn *c, bool whole) {
    waiting--;
    if (whole) note_error("a stream ended before it was left");
    hang_up(c);
}

/* Counts the streams that have had so many events; the lost ones need none. */
static size_t have_had(uint32_t wanted) {
    size_t count = 0;
    for (size_t i = 0; i < used; i++)
        count += conns[i].state == CLOSED ||
                 (conns[i].state == ASKING && conns[i].answer.events >= wanted);
    return count;
}

/* Says whether all streams have begun; until then *next is when to look again. */
static bool all_begun(uint64_t now, uint32_t wanted, uint64_t *next) {
    *next = open_streams(now);
    if (*next || begun) return begun;
    if (have_had(wanted) == used) {
        begun = now;
    } else if (now - started > OPENING) {
        note_error("not every stream has begun in time");
        over = true;
    }
    *next = now + SECOND / 100;
    return begun;
}

static void leave(struct conn *c) {
    if (c->state != ASKING) return;
    closed[closed_count].id = c->id;
    closed[closed_count++].ns = now_ns();
    hang_up(c);
}

static uint64_t leave_tick(uint64_t now) {
    static size_t left;
    uint64_t next, step = ask.at_once ? 0 : (uint64_t)(ask.spread * 1e9 / ask.streams);
    if (!all_begun(now, 3, &next)) return next;
    while (left < used && begun + left * step <= now) leave(&conns[left++]);
    if (left == used) over = true;
    return begun + left * step;
}

static uint64_t hold_tick(uint64_t now) {
    static bool told;
    uint64_t next, last = begun + (uint64_t)(ask.seconds * 1e9);
    if (!all_begun(now, 1, &next)) return next;
    if (!told) {
        told = true;
        printf("holding %zu %s\n", waiting, first_error);
        fflush(stdout);
        return now;
    }
    if (now >= last || released) over = true;
    return last;
}

/* ---- first: arrivals at fixed times ---- */

static size_t arrivals, answered;

static void first_begin(void) {
    window_from = started + SECOND / 2;
    window_to = window_from + (uint64_t)(ask.seconds * 1e9) + GRACE;
    for (; used < (size_t)ask.connections; used++) open_conn(&conns[used]);
}

static void first_ended(struct conn *c, bool whole) {
    if (c->due) {
        answered++;
        if (whole) {
            uint64_t begin = c->first ? c->first : read_at;
            requests++;
            note(&first_token, begin > c->due ? begin - c->due : 0);
            note(&latency, read_at > c->due ? read_at - c->due : 0);
            note(&lateness, c->sent > c->due ? c->sent - c->due : 0);
        }
    }
    c->due = 0;
    free_conns[free_count++] = (uint32_t)(c - conns);
}

static void arrive(uint64_t due) {
    struct conn *c = free_count ? &conns[free_conns[--free_count]] : &conns[used];
    if (c == &conns[used] && ++used > MOST - 1) die("more than %d open requests", MOST);
    c->due = due;
    if (c->state == FREE) send_request(c);
    else open_conn(c);
}

static uint64_t first_tick(uint64_t now) {
    size_t all = (size_t)(ask.rate * ask.seconds);
    uint64_t step = (uint64_t)(1e9 / ask.rate);
    while (arrivals < all && window_from + arrivals * step <= now)
        arrive(window_from + arrivals++ * step);
    if (arrivals < all) return window_from + arrivals * step;
    if (answered == all) over = true;
    if (now >= window_to) {
        over = true;
        say_wrong("no answer within %llu s", GRACE / SECOND);
        while (answered++ < all) note_error(wrong);
    }
    return window_to;
}

static const struct scenario scenarios[] = {
    {"closed", closed_begin, closed_tick, closed_ready, closed_ended},
    {"paced", paced_begin, paced_tick, send_request, paced_ended},
    {"first", first_begin, first_tick, send_request, first_ended},
    {"leave", endless_begin, leave_tick, send_request, endless_ended},
    {"hold", endless_begin, hold_tick, send_request, endless_ended},
};

/* ---- what was asked for, and what came of it ---- */

static const struct { const char *name; double *value, most; } numbers[] = {
    {"--connections", &ask.connections, MOST}, {"--streams", &ask.streams, MOST},
    {"--events", &ask.events, 100000},         {"--rate", &ask.rate, 20000},
    {"--seconds", &ask.seconds, MOST_SECONDS}, {"--events-per-second", &ask.events_per_second, 1e5},
    {"--ramp", &ask.ramp, 60},                 {"--warmup", &ask.warmup, 60},
    {"--spread", &ask.spread, 60},
};
static const struct { const char *name; bool *value; } flags[] = {
    {"--stream", &ask.stream}, {"--usage", &ask.usage}, {"--at-once", &ask.at_once},
};
#define EACH(i, table) (size_t i = 0; i < sizeof table / sizeof *table; i++)

static void read_number(const char *name, const char *text) {
    char *end;
    double value = strtod(text, &end);
    for EACH(i, numbers) {
        if (strcmp(name, numbers[i].name)) continue;
        if (*end || end == text || value < 0 || value > numbers[i].most)
            die("%s is a number from 0 to %g", name, numbers[i].most);
        *numbers[i].value = value;
        return;
    }
    die("unknown option %s", name);
}

static void read_header(const char *text) {
    size_t used_bytes = strlen(fields);
    if (strpbrk(text, "\r\n") || !strchr(text, ':')) die("--header is \"name: value\"");
    if (snprintf(fields + used_bytes, sizeof fields - used_bytes, "%s\r\n", text) >=
        (int)(sizeof fields - used_bytes))
        die("too many headers");
}

static void read_arguments(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        bool taken = false;
        for EACH(k, scenarios)
            if (!strcmp(name, scenarios[k].name)) scenario = &scenarios[k], taken = true;
        for EACH(k, flags)
            if (!strcmp(name, flags[k].name)) *flags[k].value = taken = true;
        if (taken) continue;
        i++;
        if (!strcmp(name, "--target")) ask.target = value;
        else if (!strcmp(name, "--model")) ask.model = value;
        else if (!strcmp(name, "--header")) read_header(value);
        else read_number(name, value);
    }
    if (!scenario || !ask.target) die("usage: client --target http://127.0.0.1:PORT SCENARIO ...");
    if (ask.streams < 1 || ask.connections < 1 || ask.rate < 0.1 ||
        ask.seconds < 0.01 || ask.events_per_second < 0.01)
        die("nothing to do");
}

/* Reads `http://127.x.y.z:PORT[/path]`; no other address is ever connected to. */
static void read_target(void) {
    char host[64];
    int port = 0, length = 0;
    address = loopback(0);
    if (sscanf(ask.target, "http://%63[0-9.]:%d%n", host, &port, &length) != 2 || port < 1 ||
        port > 65535 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        ntohl(address.sin_addr.s_addr) >> 24 != 127)
        die("the target is http://127.0.0.1:PORT, on loopback: not %s", ask.target);
    address.sin_port = htons((uint16_t)port);
    const char *rest = ask.target + length;
    if (*rest && strcmp(rest, "/")) snprintf(path, sizeof path, "%s", rest);
    if (*path != '/' || strpbrk(path, " \r\n")) die("not a path: %s", path);
}

static void write_request(void) {
    bool paced = scenario->begin == paced_begin, endless = scenario->begin == endless_begin;
    double lasting = ask.ramp + ask.seconds + (endless ? OPENING / SECOND + ask.spread : 0.4);
    events_each = (uint32_t)(paced || endless ? lasting * ask.events_per_second : ask.events);
    ask.stream = ask.stream || paced || endless;
    char body[1024];
    int size = snprintf(
        body, sizeof body,
        "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"bench events=%u "
        "gap_us=%u id=0000000000\"}],\"max_tokens\":100%s%s}",
        ask.model, events_each,
        paced || endless ? (uint32_t)(1e6 / ask.events_per_second) : 0, ask.stream ? ",\"stream\":true" : "",
        ask.usage ? ",\"stream_options\":{\"include_usage\":true}" : "");
    request_size = (size_t)snprintf(
        request, sizeof request,
        "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nuser-agent: bench\r\naccept: */*\r\n"
        "content-type: application/json\r\n%scontent-length: %d\r\n\r\n%s",
        path, ntohs(address.sin_port), fields, size, body);
    if (size >= (int)sizeof body || request_size >= sizeof request) die("the request is too long");
    id_at = (size_t)(strstr(request, " id=") - request) + 4;
}

static void report(double lasted) {
    double seconds = ask.seconds;
    printf("{\"scenario\":\"%s\",\"seconds\":%.3f,\"lasted\":%.3f,\"requests\":%lu,"
           "\"requests_total\":%lu,\"requests_per_second\":%.1f,\"events\":%lu,"
           "\"events_total\":%lu,\"events_per_second\":%.1f,\"errors\":%lu,\"first_error\":\"%s\","
           "\"unfinished\":%lu,\"reopened\":%lu,\"max_gap_ms\":%.3f,\"cpu_seconds\":%.4f",
           scenario->name, seconds, lasted, requests, requests_total, (double)requests / seconds,
           events, events_total, (double)events / seconds, errors, first_error, unfinished,
           reopened, (double)max_gap / 1e6, cpu_seconds());
    const struct { const char *name; struct histogram *h; } times[] = {
        {"latency", &latency}, {"first", &first_token}, {"delay", &delay}, {"late", &lateness}};
    for EACH(i, times)
        printf(",\"%s_p50\":%.1f,\"%s_p90\":%.1f,\"%s_p99\":%.1f,\"%s_max\":%.1f", times[i].name,
               quantile_us(times[i].h, 0.5), times[i].name, quantile_us(times[i].h, 0.9),
               times[i].name, quantile_us(times[i].h, 0.99), times[i].name,
               (double)times[i].h->max / 1000);
    printf(",\"closed\":[");
    for (size_t i = 0; i < closed_count; i++)
        printf("%s[%u,%lu]", i ? "," : "", closed[i].id, closed[i].ns);
    puts("]}");
}

static void serve(const struct epoll_event *event) {
    if (event->data.u32 == STANDARD_INPUT) { /* a line, or its end */
        char line[64];
        released = read(STDIN_FILENO, line, sizeof line) >= 0;
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        return;
    }
    struct conn *c = &conns[event->data.u32];
    if (c->state == CONNECTING) connected(c);
    else if (c->state != CLOSED) read_some(c);
}

int main(int count, char **arguments) {
    static struct epoll_event ready_events[512];
    read_arguments(count, arguments);
    read_target();
    write_request();
    prepare((unsigned)(ask.seconds + ask.ramp + ask.spread + ask.warmup) + 120);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event input = {.events = EPOLLIN, .data.u32 = STANDARD_INPUT};
    if (scenario->tick == hold_tick) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    started = now_ns();
    scenario->begin();
    while (!over) {
        uint64_t next = scenario->tick(now_ns());
        if (over) break;
        int ready = wait_until(epoll_fd, ready_events, 512, next);
        for (int i = 0; i < ready; i++) serve(&ready_events[i]);
    }
    double lasted = (double)(now_ns() - started) / 1e9;
    for (size_t i = 0; i < used; i++) hang_up(&conns[i]);
    report(lasted);
    return 0;
}
