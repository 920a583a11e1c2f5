/* A provider that costs next to nothing: OpenAI's chat completions on loopback, from ready-made
 * bytes, and as few system calls as there can be. What it is to do stands in the request's own
 * text (`bench events=100 gap_us=20000 id=7` anywhere in the body), so that it reaches this
 * program through any gateway. Without `"stream": true` the answer is one small JSON object. A
 * stream has `events` events of content, then the one with the finish reason, the usage where
 * the body asks for `include_usage`, and `[DONE]`; with `gap_us=0` all of it leaves at once, else
 * event k leaves `k * gap_us` after the first in a write of its own, and carries the time of its
 * sending. It notes when a client left before the end of its answer, by id. Usage: `upstream
 * [PORT]`; it prints {"port": N} and then answers the lines `report` and `reset` on its standard
 * input, where `reset` also cuts the streams that are still open; it ends with that input.
 */
#include "wire.h"

#include <fcntl.h>
#include <sys/uio.h>

#define LIFE_SECONDS 3600
#define REQUEST_BYTES 16384
#define MOST_EVENTS 1000000
#define BLOCK 256 /* events that one piece of a burst holds */
#define LEFT_MOST 65536
#define CONTROL MAX_OPEN /* keys of what is no client's connection */
#define LISTENER (MAX_OPEN + 1)

#define BEGIN "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\"," \
              "\"created\":1760000000,\"model\":\"m\",\"choices\":["
#define EVENT BEGIN "{\"index\":0,\"delta\":{\"content\":" MARK "000000000000000000 \"}," \
              "\"finish_reason\":null}]}\n\n"
#define FINISH BEGIN "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":100,\"total_tokens\":109}}"
#define LAST_USAGE BEGIN "]," USAGE "\n\n"
#define DONE "data: [DONE]\n\n"
#define ANSWER "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1760000000," \
               "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," \
               "\"content\":\"" ANSWER_TEXT "\"},\"finish_reason\":\"stop\"}]," USAGE
#define MODELS "{\"object\":\"list\",\"data\":[{\"id\":\"m\",\"object\":\"model\"," \
               "\"created\":1760000000,\"owned_by\":\"bench\"}]}"
#define PROBED "{\"status\":\"ok\",\"model_path\":\"m\",\"served_model_name\":\"m\"," \
               "\"is_generation\":true,\"tp_size\":1,\"dp_size\":1}"
#define STREAM_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n" \
                    "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"

struct text {
    char bytes[1024];
    size_t size;
};

struct stream {
    uint64_t start, gap, due; /* of the first event; between two; of the next */
    uint32_t events, sent, id, serial;
    bool usage;
};

static struct conn {
    enum { SHUT, READING, BURST, PACED } state;
    bool close_after, wants_out;
    uint32_t serial; /* a new one for each answer, so that old timers are known */
    struct stream s;
    size_t out;                   /* bytes of the burst that are sent */
    size_t held;                  /* bytes of `hold` that wait for room */
    char hold[1024];
    size_t have;
    char in[REQUEST_BYTES];
} conns[MAX_OPEN];

static struct { uint64_t due; uint32_t fd, serial; } timers[MAX_OPEN * 2];
static size_t timer_count;

static struct { uint32_t id; uint64_t ns; } left[LEFT_MOST];
static size_t left_count;

static struct histogram lateness;
static uint64_t requests, streams, events_sent, refused;
static int epoll_fd, listener, open_streams, open_connections;

static struct text answer, models, probed, missing, too_large, event_chunk, tail, usage_tail;
static char block[BLOCK * 256];
static size_t first_digit; /* where the stamp stands in `event_chunk` */

/* ---- ready-made bytes ---- */

static struct text response(const char *status, const char *body) {
    struct text t;
    t.size = (size_t)snprintf(t.bytes, sizeof t.bytes,
                              "HTTP/1.1 %s\r\ncontent-type: application/json\r\n"
                              "content-length: %zu\r\n\r\n%s", status, strlen(body), body);
    return t;
}

static void add_chunk(struct text *t, const char *payload) {
    t->size += (size_t)snprintf(t->bytes + t->size, sizeof t->bytes - t->size, "%zx\r\n%s\r\n",
                                strlen(payload), payload);
}

static void make_texts(void) {
    answer = response("200 OK", ANSWER);
    models = response("200 OK", MODELS);
    probed = response("200 OK", PROBED);
    missing = response("404 Not Found", "{\"error\":{\"message\":\"not here\"}}");
    too_large = response("413 Content Too Large", "{\"error\":{\"message\":\"too large\"}}");
    add_chunk(&event_chunk, EVENT);
    if (event_chunk.size * BLOCK > sizeof block) die("an event is too long");
    first_digit = (size_t)(strstr(event_chunk.bytes, MARK) - event_chunk.bytes) + strlen(MARK);
    for (int i = 0; i < BLOCK; i++)
        memcpy(block + (size_t)i * event_chunk.size, event_chunk.bytes, event_chunk.size);
    add_chunk(&tail, FINISH);
    add_chunk(&usage_tail, FINISH);
    add_chunk(&usage_tail, LAST_USAGE);
    add_chunk(&tail, DONE);
    add_chunk(&usage_tail, DONE);
    strcat(tail.bytes, "0\r\n\r\n");
    strcat(usage_tail.bytes, "0\r\n\r\n");
    tail.size += 5;
    usage_tail.size += 5;
}

/* ---- timers: a heap; one of an answer that is over is passed over when its time comes ---- */

static void add_timer(uint64_t due, uint32_t fd, uint32_t serial) {
    if (timer_count == MAX_OPEN * 2) die("too many timers");
    size_t at = timer_count++;
    for (; at && timers[(at - 1) / 2].due > due; at = (at - 1) / 2)
        timers[at] = timers[(at - 1) / 2];
    timers[at].due = due, timers[at].fd = fd, timers[at].serial = serial;
}

static void drop_first_timer(void) {
    size_t at = 0, child;
    uint64_t due = timers[--timer_count].due;
    while ((child = at * 2 + 1) < timer_count) {
        if (child + 1 < timer_count && timers[child + 1].due < timers[child].due) child++;
        if (timers[child].due >= due) break;
        timers[at] = timers[child];
        at = child;
    }
    timers[at] = timers[timer_count];
}

/* ---- one connection ---- */

static void shut(int fd) {
    struct conn *c = &conns[fd];
    if (c->state > READING) {
        open_streams--;
        if (c->s.id && left_count < LEFT_MOST)
            left[left_count].id = c->s.id, left[left_count++].ns = now_ns();
    }
    close(fd);
    open_connections--;
    c->serial++;
    c->state = SHUT;
}

static void want_out(int fd, bool wanted) {
    if (conns[fd].wants_out == wanted) return;
    conns[fd].wants_out = wanted;
    watch(epoll_fd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLRDHUP | (wanted ? EPOLLOUT : 0u),
          (uint32_t)fd);
}

/* Sends, and keeps what there is no room for; false where the connection is gone. */
static bool put(int fd, const char *bytes, size_t size) {
    struct conn *c = &conns[fd];
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size) return true;
    if (sent < 0 && errno != EAGAIN) return shut(fd), false;
    c->held = size - (sent < 0 ? 0 : (size_t)sent);
    memcpy(c->hold, bytes + size - c->held, c->held);
    want_out(fd, true);
    return true;
}

static void finished(int fd) {
    struct conn *c = &conns[fd];
    if (c->state > READING) open_streams--;
    c->state = READING;
    c->serial++;
    if (c->close_after) shut(fd);
}

static void stamp_event(void) { put_digits(event_chunk.bytes + first_digit, now_ns(), STAMP_DIGITS); }

/* ---- a burst: what is sent is found again from the number of bytes that have left ---- */

static size_t add_part(struct iovec *parts, size_t count, size_t *skip, const char *from,
                       size_t size) {
    if (*skip >= size) return *skip -= size, count;
    parts[count].iov_base = (char *)from + *skip;
    parts[count].iov_len = size - *skip;
    *skip = 0;
    return count + 1;
}

static size_t burst_parts(struct conn *c, struct iovec *parts) {
    size_t skip = c->out, count = 0, one = event_chunk.size, rest = c->s.events * one;
    size_t head = strlen(STREAM_HEAD);
    count = add_part(parts, count, &skip, STREAM_HEAD, head);
    if (rest) {
        put_digits(event_chunk.bytes + first_digit, c->s.start, STAMP_DIGITS);
        count = add_part(parts, count, &skip, event_chunk.bytes, one);
        rest -= one;
    }
    size_t whole = skip / (BLOCK * one) * (BLOCK * one);
    if (whole > rest) whole = rest;
    skip -= whole, rest -= whole;
    for (; rest && count < 8; rest -= rest < BLOCK * one ? rest : BLOCK * one)
        count = add_part(parts, count, &skip, block, rest < BLOCK * one ? rest : BLOCK * one);
    if (rest) return count;
    struct text *end = c->s.usage ? &usage_tail : &tail;
    return add_part(parts, count, &skip, end->bytes, end->size);
}

static void go_on_bursting(int fd) {
    struct conn *c = &conns[fd];
    struct iovec parts[10];
    struct msghdr message = {.msg_iov = parts};
    while ((message.msg_iovlen = burst_parts(c, parts))) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return shut(fd);
        if (sent < 0) return want_out(fd, true);
        c->out += (size_t)sent;
    }
    events_sent += c->s.events;
    want_out(fd, false);
    finished(fd);
}

/* ---- a paced stream: one write an event ---- */

static void send_next_event(int fd) {
    struct conn *c = &conns[fd];
    if (c->held) return; /* it goes on once there is room */
    uint64_t now = now_ns();
    note(&lateness, now > c->s.due ? now - c->s.due : 0);
    c->s.due += c->s.gap;
    if (c->s.sent++ < c->s.events) {
        stamp_event();
        events_sent++;
        if (put(fd, event_chunk.bytes, event_chunk.size))
            add_timer(c->s.due, (uint32_t)fd, c->serial);
        return;
    }
    struct text *end = c->s.usage ? &usage_tail : &tail;
    if (put(fd, end->bytes, end->size) && !c->held) finished(fd);
}

static void send_due_events(void) {
    uint64_t now = now_ns();
    for (int budget = 128; budget && timer_count && timers[0].due <= now; budget--) {
        uint32_t fd = timers[0].fd, serial = timers[0].serial;
        drop_first_timer();
        if (conns[fd].serial == serial && conns[fd].state == PACED) send_next_event((int)fd);
    }
}

static void there_is_room(int fd) {
    struct conn *c = &conns[fd];
    if (c->state == BURST) return go_on_bursting(fd);
    size_t size = c->held;
    char rest[sizeof c->hold];
    memcpy(rest, c->hold, size);
    c->held = 0;
    if (!put(fd, rest, size) || c->held) return;
    want_out(fd, false);
    if (c->state != PACED) return;
    if (c->s.sent > c->s.events) finished(fd);
    /* A timer that came meanwhile was passed over: ask for the event again. */
    else c->serial++, add_timer(c->s.due, (uint32_t)fd, c->serial);
}

/* ---- requests ---- */

static uint64_t wish(const char *from, const char *end, const char *name, uint64_t otherwise) {
    const char *at = find(from, end, name);
    return at ? read_digits(at + strlen(name), end, 12) : otherwise;
}

static void begin_answer(int fd, const char *body, const char *end) {
    struct conn *c = &conns[fd];
    requests++;
    if (!is_true(body, end, "\"stream\"")) {
        put(fd, answer.bytes, answer.size);
        return;
    }
    const char *words = find(body, end, "bench ");
    if (!words) words = end;
    uint64_t events = wish(words, end, "events=", 10);
    streams++;
    open_streams++;
    c->out = 0;
    c->s = (struct stream){.start = now_ns(),
                           .gap = wish(words, end, "gap_us=", 0) * 1000,
                           .events = (uint32_t)(events < MOST_EVENTS ? events : MOST_EVENTS),
                           .id = (uint32_t)wish(words, end, "id=", 0),
                           .usage = is_true(body, end, "\"include_usage\"")};
    c->s.due = c->s.start;
    c->state = c->s.gap ? PACED : BURST;
    if (c->state == BURST) return go_on_bursting(fd);
    if (put(fd, STREAM_HEAD, strlen(STREAM_HEAD))) send_next_event(fd);
}

static void respond(int fd, const char *head, const char *body, const char *end) {
    const char *line = memchr(head, '\r', (size_t)(body - head));
    struct text *found = &missing;
    if (!memcmp(head, "POST", 4) && find(head, line, "/chat/completions"))
        found = NULL;
    else if (!memcmp(head, "GET", 3) && find(head, line, "/models"))
        found = &models;
    else if (find(head, line, "/health") || find(head, line, "_info ") ||
             find(head, line, "/metrics"))
        found = &probed;
    if (found)
        put(fd, found->bytes, found->size);
    else
        begin_answer(fd, body, end);
}

static void refuse(int fd) {
    refused++;
    if (put(fd, too_large.bytes, too_large.size)) shut(fd);
}

/* Answers the first request in the buffer; false where it is not whole. */
static bool take_request(int fd) {
    struct conn *c = &conns[fd];
    char *end = c->in + c->have;
    char *body = (char *)find(c->in, end, "\r\n\r\n");
    if (!body) return false;
    struct fields f = read_fields((char *)memchr(c->in, '\n', c->have) + 1, body);
    body += 4;
    char *over = body + f.length, *text = over;
    if (f.chunked) { /* what is framed is moved together, in place, once it is whole */
        struct chunks framing = {0}, again = {0};
        const char *from = body, *run;
        while (next_run(&framing, &from, end, &run)) continue;
        if (framing.at != OVER) return false;
        text = body;
        over = (char *)from;
        from = body;
        for (size_t size; (size = next_run(&again, &from, over, &run)); text += size)
            memmove(text, run, size);
    }
    if (over > end) return false;
    c->close_after = f.close;
    respond(fd, c->in, body, text);
    if (c->state == SHUT) return false;
    c->have = (size_t)(end - over);
    memmove(c->in, over, c->have);
    if (c->state == READING && c->close_after && !c->held) shut(fd);
    return c->state == READING && c->have;
}

static void read_from(int fd) {
    struct conn *c = &conns[fd];
    size_t room = sizeof c->in - c->have;
    ssize_t got = room ? recv(fd, c->in + c->have, room, 0) : 0;
    if (!room) return refuse(fd);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return shut(fd);
    c->have += (size_t)got;
    if (c->state == READING && !c->held)
        while (take_request(fd)) continue;
}

static void accept_all(void) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_OPEN) die("too many connections");
        no_delay(fd);
        struct conn *c = &conns[fd];
        c->state = READING;
        c->have = c->held = 0;
        c->wants_out = false;
        open_connections++;
        watch(epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP, (uint32_t)fd);
    }
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        die("accept: %s", strerror(errno));
}

static void serve(uint32_t events, int fd) {
    if (conns[fd].state == SHUT) return; /* shut by an earlier event of this round */
    /* Who has gone is seen whatever is unread, and whether or not there is room to read it. */
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        if (conns[fd].state > READING || !(events & EPOLLIN)) return shut(fd);
    }
    if (events & EPOLLIN) read_from(fd);
    if (events & EPOLLOUT && conns[fd].state != SHUT) there_is_room(fd);
    /* An answer that ended at once may have left a further request in the buffer. */
    if (conns[fd].state == READING && conns[fd].have && !conns[fd].held)
        while (take_request(fd)) continue;
}

/* ---- control ---- */

static void report(void) {
    printf("{\"requests\":%lu,\"streams\":%lu,\"events\":%lu,\"refused\":%lu,"
           "\"open_streams\":%d,\"open_connections\":%d,"
           "\"late_p50_us\":%.1f,\"late_p99_us\":%.1f,\"late_max_us\":%.1f,"
           "\"cpu_seconds\":%.4f,\"left\":[",
           requests, streams, events_sent, refused, open_streams, open_connections,
           quantile_us(&lateness, 0.5), quantile_us(&lateness, 0.99),
           (double)lateness.max / 1000, cpu_seconds());
    for (size_t i = 0; i < left_count; i++)
        printf("%s[%u,%lu]", i ? "," : "", left[i].id, left[i].ns);
    puts("]}");
}

static void obey(void) {
    char lines[256];
    ssize_t got = read(STDIN_FILENO, lines, sizeof lines - 1);
    if (got <= 0) exit(0);
    lines[got] = 0;
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
        if (!strcmp(line, "report")) report();
        if (strcmp(line, "reset")) continue;
        /* What a gateway has forgotten to close is no load for the next measurement. */
        for (int fd = 0; fd < MAX_OPEN; fd++)
            if (conns[fd].state > READING) shut(fd);
        requests = streams = events_sent = refused = left_count = 0;
        memset(&lateness, 0, sizeof lateness);
        puts("{\"reset\":true}");
    }
    fflush(stdout);
}

static void listen_on(int port) {
    int one = 1;
    struct sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16384))
        die("cannot listen on port %d: %s", port, strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("{\"port\":%d}\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int count, char **arguments) {
    static struct epoll_event events[512];
    prepare(LIFE_SECONDS);
    make_texts();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listen_on(count > 1 ? atoi(arguments[1]) : 0);
    watch(epoll_fd, EPOLL_CTL_ADD, listener, EPOLLIN, LISTENER);
    watch(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, CONTROL);
    for (;;) {
        uint64_t next = timer_count ? timers[0].due : now_ns() + SECOND;
        int ready = wait_until(epoll_fd, events, 512, next);
        for (int i = 0; i < ready; i++) {
            uint32_t key = events[i].data.u32;
            if (key == LISTENER) accept_all();
            else if (key == CONTROL) obey();
            else serve(events[i].events, (int)key);
        }
        send_due_events();
    }
}
