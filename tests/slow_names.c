/* Makes a name server hang for one program: preload it, and name a file in SLOW_NAMES. As long as
 * that is there, names that begin with "slow" are not answered, and those that begin with "stuck"
 * not even to who asks without a server whether they are addresses, which the loop does itself.
 * Nobody has such names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *wanted,
                struct addrinfo **found) {
    const char *path = getenv("SLOW_NAMES");
    lookup *real = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    int asks_nobody = wanted && wanted->ai_flags & AI_NUMERICHOST;
    int hangs = name && (!strncmp(name, "stuck", 5) || (!strncmp(name, "slow", 4) && !asks_nobody));
    if (!hangs) return real(name, service, wanted, found);
    while (path && !access(path, F_OK)) usleep(10000);
    return EAI_NONAME;
}
