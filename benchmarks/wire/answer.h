/* Reads a gateway's answers and believes none of them. An answer counts only if its status is 200,
 * its framing ends as it said, and it holds what was asked for: the words of the one JSON object,
 * or exactly so many events of content and then `[DONE]`. Everything else is an error with a text.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "wire.h"

#define CARRY_BYTES 8192 /* the longest head, line of a stream, or whole JSON answer */

struct answer {
    enum { HEAD, BODY } at;
    enum { LENGTH, CHUNKED, UNTIL_CLOSE } framing;
    bool streamed, close_after, done; /* done: `[DONE]` has come */
    uint32_t wanted, events;          /* of content */
    uint64_t left;                    /* bytes of a body of known length */
    struct chunks chunks;
    size_t carried; /* what has come of a head or a line that is not whole yet */
    char carry[CARRY_BYTES];
};

enum verdict { MORE, WHOLE, WRONG };

static char wrong[256]; /* what was wrong with the last answer that was */

__attribute__((format(printf, 1, 2))) static enum verdict say_wrong(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wrong, sizeof wrong, format, arguments);
    va_end(arguments);
    for (char *sign = wrong; *sign; sign++) /* it will stand in a JSON string */
        if (*sign < ' ' || *sign > '~' || *sign == '"' || *sign == '\\') *sign = ' ';
    return WRONG;
}

/* Called for each event of content with the time at which it was sent, or 0. */
typedef void event_seen(void *owner, uint64_t stamp);

static void expect_answer(struct answer *a, bool streamed, uint32_t events) {
    a->at = HEAD;
    a->streamed = streamed;
    a->done = a->close_after = false;
    a->wanted = events;
    a->events = 0;
    a->carried = 0;
    a->chunks = (struct chunks){0};
}

static enum verdict carry(struct answer *a, const char *from, size_t size, const char *what) {
    if (size > sizeof a->carry - a->carried) return say_wrong("%s is too long", what);
    memcpy(a->carry + a->carried, from, size);
    a->carried += size;
    return MORE;
}

static enum verdict read_head(struct answer *a, const char *head, const char *end,
                              const char *read_end) {
    if (end - head < 12 || memcmp(head, "HTTP/1.", 7)) return say_wrong("this is no HTTP/1.1");
    if (memcmp(head + 9, "200", 3))
        return say_wrong("status %.3s: %.*s", head + 9, (int)(read_end - end), end);
    const char *first = memchr(head, '\n', (size_t)(end - head));
    struct fields f = read_fields(first ? first + 1 : end, end);
    a->framing = f.chunked ? CHUNKED : f.has_length ? LENGTH : UNTIL_CLOSE;
    a->left = f.length;
    a->close_after = f.close;
    a->at = BODY;
    return MORE;
}

/* ---- the body of a stream, line by line ---- */

static enum verdict read_line(struct answer *a, const char *line, const char *end,
                              event_seen *seen, void *owner) {
    static size_t usual; /* where the stamp stood last time: most often it stands there again */
    size_t size = (size_t)(end - line), mark = strlen(MARK);
    if (size < 6 || memcmp(line, "data:", 5)) return MORE;
    const char *at = line + usual;
    if (usual + mark + STAMP_DIGITS > size || memcmp(at, MARK, mark)) at = find(line, end, MARK);
    if (at) {
        usual = (size_t)(at - line);
        if (a->done) return say_wrong("an event after [DONE]");
        a->events++;
        seen(owner, read_digits(at + mark, end, STAMP_DIGITS));
        return MORE;
    }
    if (find(line, end, "[DONE]")) {
        a->done = true;
    } else if ((at = find(line, end, "\"error\":")) && !find(at, end, ":null")) {
        return say_wrong("after %u events: %.*s", a->events, (int)size, line);
    }
    return MORE;
}

static enum verdict read_lines(struct answer *a, const char *from, size_t size, event_seen *seen,
                               void *owner) {
    const char *end = from + size, *stop;
    while ((stop = memchr(from, '\n', (size_t)(end - from)))) {
        const char *line = from, *line_end = stop;
        if (a->carried) {
            if (carry(a, from, (size_t)(stop - from), "a line") == WRONG) return WRONG;
            line = a->carry;
            line_end = line + a->carried;
            a->carried = 0;
        }
        if (read_line(a, line, line_end, seen, owner) == WRONG) return WRONG;
        from = stop + 1;
        if (from == end) return MORE;
    }
    return carry(a, from, (size_t)(end - from), "a line");
}

/* ---- the whole answer ---- */

static enum verdict judge(struct answer *a) {
    if (!a->streamed)
        return find(a->carry, a->carry + a->carried, ANSWER_TEXT)
                   ? WHOLE : say_wrong("not the answer: %.*s", (int)a->carried, a->carry);
    if (a->events != a->wanted)
        return say_wrong("%u events instead of %u", a->events, a->wanted);
    return a->done ? WHOLE : say_wrong("a stream without [DONE]");
}

static enum verdict read_payload(struct answer *a, const char *from, size_t size,
                                 event_seen *seen, void *owner) {
    return a->streamed ? read_lines(a, from, size, seen, owner)
                       : carry(a, from, size, "the answer");
}

static enum verdict read_body(struct answer *a, const char *from, const char *end,
                              event_seen *seen, void *owner) {
    const char *run = from;
    size_t size = (size_t)(end - from);
    if (a->framing == CHUNKED) {
        while ((size = next_run(&a->chunks, &from, end, &run)))
            if (read_payload(a, run, size, seen, owner) == WRONG) return WRONG;
        if (a->chunks.at == BROKEN) return say_wrong("broken chunks");
        if (a->chunks.at != OVER) return MORE;
        return from == end ? judge(a) : say_wrong("bytes behind the answer");
    }
    if (a->framing == LENGTH && size > a->left) return say_wrong("bytes behind the answer");
    if (a->framing == LENGTH) a->left -= size;
    if (size && read_payload(a, run, size, seen, owner) == WRONG) return WRONG;
    return a->framing == LENGTH && !a->left ? judge(a) : MORE;
}

/* Takes the next bytes of an answer. */
static enum verdict read_answer(struct answer *a, const char *from, size_t size,
                                event_seen *seen, void *owner) {
    const char *end = from + size;
    if (a->at == HEAD) {
        const char *head = from, *stop, *got = end;
        if (a->carried) {
            size_t before = a->carried;
            if (carry(a, from, size < 4096 ? size : 4096, "the head") == WRONG) return WRONG;
            head = a->carry;
            stop = find(head, head + a->carried, "\r\n\r\n");
            if (!stop) return size < 4096 ? MORE : say_wrong("the head is too long");
            from += (size_t)(stop + 4 - head) - before;
            got = head + a->carried;
        } else {
            stop = find(from, end, "\r\n\r\n");
            if (!stop) return carry(a, from, size, "the head");
            from = stop + 4;
        }
        if (read_head(a, head, stop, got) == WRONG) return WRONG;
        a->carried = 0;
    }
    return read_body(a, from, end, seen, owner);
}

/* The other side has closed. */
static enum verdict answer_ended(struct answer *a) {
    if (a->at == BODY && a->framing == UNTIL_CLOSE) return judge(a);
    return say_wrong("cut off after %u events", a->events);
}

#endif
