/* The upstream of the benchmarks, and the clients that wrk has not.

   load serve                                          an HTTP server on a free port of 127.0.0.1; prints the port
   load connect PORT CONNECTIONS SECONDS REQUEST       a new connection for each request, CONNECTIONS at a time
   load pace PORT CONNECTIONS SECONDS REQUEST MS BURST one request every MS on each of CONNECTIONS that stay open:
                                                       spread evenly, or all at once if BURST is 1
   load hold PORT CONNECTIONS REQUEST                  one request on each, then idle; prints "ready", ends with stdin

   The server answers /size/N with N bytes, /chunked with ten chunks of 100 bytes, /service with the headers of a
   usual service, all else with five bytes. `connect` and `pace` print one line of JSON: how many were answered in how
   many seconds, and their times in milliseconds, from connect() or from the moment at which the request was due.
   Linux, one thread, epoll. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FILES 65536
#define HEAD 16384
#define CHECK(ok, what) do { if (!(ok)) { perror(what); exit(1); } } while (0)

struct link {
    int used, open;             /* bytes of `buffer`; whether connect() has succeeded */
    long body;                  /* what is left of the request's body, or of the reply */
    int64_t since;              /* when it was due, in ns; 0 while nothing is under way */
    char *buffer;
};

static struct link links[FILES];
static struct epoll_event events[1024];
static int poller;

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void watch(int fd, int operation, uint32_t what) {
    struct epoll_event event = {.events = what, .data.fd = fd};
    CHECK(epoll_ctl(poller, operation, fd, &event) == 0, "epoll_ctl");
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Read into the buffer. The length of the head if all of it is here, and a chunked body; 0 if not yet, -1 at the end. */
static long head(int fd, struct link *link, long *body) {
    if (!link->buffer) CHECK(link->buffer = malloc(HEAD + 1), "malloc");
    ssize_t count = read(fd, link->buffer + link->used, HEAD - link->used);
    if (count <= 0) return count < 0 && errno == EAGAIN ? 0 : -1;
    link->used += count;
    link->buffer[link->used] = 0;
    char *end = strstr(link->buffer, "\r\n\r\n");
    if (!end) return link->used == HEAD ? -1 : 0;
    char *length = strcasestr(link->buffer, "\r\ncontent-length:");
    char *chunks = strcasestr(link->buffer, "\r\ntransfer-encoding: chunked");
    *body = length && length < end ? atol(length + 17) : 0;
    if (chunks && chunks < end) {
        *body = link->buffer + link->used - end - 4;
        if (*body < 5 || memcmp(end + *body - 1, "0\r\n\r\n", 5)) return 0;
    }
    return end + 4 - link->buffer;
}

/* The server */

static const char SMALL[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
static const char SERVICE[] =
    "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 12:00:00 GMT\r\nServer: orders/2.1\r\nContent-Type: application/json\r\n"
    "Cache-Control: no-store\r\nVary: Accept-Encoding\r\nX-Request-Id: 5f3c9f0e2b7d4a61\r\nX-Runtime: 0.004\r\n"
    "Content-Length: 75\r\n\r\n{\"order\": 17, \"state\": \"paid\", \"items\": [{\"sku\": \"A-1\", \"count\": 2}, null]}";
static char chunked[4096], filler[1 << 20];
static int chunked_size;

static void push(int fd, struct link *link) {
    while (link->body > 0) {
        ssize_t count = send(fd, filler, link->body < (long)sizeof filler ? link->body : (long)sizeof filler, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EAGAIN) watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        link->body -= count;
    }
}

static void answer(int fd, struct link *link, const char *path) {
    if (!strncmp(path, "/size/", 6)) {
        char start[128];
        long size = atol(path + 6);
        int length = sprintf(start, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", size);
        send(fd, start, length, MSG_NOSIGNAL | MSG_MORE);
        link->body = size;
        push(fd, link);
    } else if (!strncmp(path, "/chunked", 8)) send(fd, chunked, chunked_size, MSG_NOSIGNAL);
    else if (!strncmp(path, "/service", 8)) send(fd, SERVICE, sizeof SERVICE - 1, MSG_NOSIGNAL);
    else send(fd, SMALL, sizeof SMALL - 1, MSG_NOSIGNAL);
}

/* Take what has come of a request; -1 if the connection is over. `since` is 1 while a body is awaited. */
static int serve_one(int fd, struct link *link) {
    if (link->since) {
        static char ignored[1 << 18];
        ssize_t count = read(fd, ignored, sizeof ignored);
        if (count <= 0) return count < 0 && errno == EAGAIN ? 0 : -1;
        link->body -= count;
    } else {
        long body, length = head(fd, link, &body);
        if (length <= 0) return length;
        link->body = body - (link->used - length);
        link->since = 1;
    }
    if (link->body > 0) return 0;
    link->since = link->used = link->body = 0;
    char *path = strchr(link->buffer, ' ');
    answer(fd, link, path ? path + 1 : "/");
    return 0;
}

static void serve(void) {
    chunked_size = sprintf(chunked, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int number = 0; number < 10; number++)
        chunked_size += sprintf(chunked + chunked_size, "64\r\n%0100d\r\n", number);
    chunked_size += sprintf(chunked + chunked_size, "0\r\n\r\n");
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    CHECK(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8192) == 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    watch(0, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int count = epoll_wait(poller, events, 1024, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == 0) return;
            if (fd == listener) {
                int client;
                while ((client = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    char *buffer = links[client].buffer;
                    links[client] = (struct link){.buffer = buffer};
                    no_delay(client);
                    watch(client, EPOLL_CTL_ADD, EPOLLIN);
                }
                continue;
            }
            struct link *link = &links[fd];
            if (events[i].events & EPOLLOUT && !link->since) {
                watch(fd, EPOLL_CTL_MOD, EPOLLIN);
                push(fd, link);
            }
            if (events[i].events & ~EPOLLOUT && serve_one(fd, link) < 0) close(fd);
        }
    }
}

/* The clients */

static const char *request;
static uint32_t *times;
static size_t answered, room;

static void note(int64_t took) {
    if (answered == room) CHECK(times = realloc(times, (room = room ? 2 * room : 65536) * sizeof *times), "realloc");
    times[answered++] = took / 1000;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double share(double part) {
    size_t at = part * answered;
    return answered ? times[at < answered ? at : answered - 1] / 1e3 : -1;
}

static void report(int64_t began, long failed) {
    double seconds = (now() - began) / 1e9;
    qsort(times, answered, sizeof *times, compare);
    printf("{\"count\": %zu, \"failed\": %ld, \"seconds\": %.6f, \"p50\": %.3f, \"p99\": %.3f, \"longest\": %.3f}\n",
           answered, failed, seconds, share(0.5), share(0.99), share(1));
}

static int dial(int port, int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    CHECK(fd >= 0, "socket");
    CHECK(fd < FILES, "too many descriptors");
    struct sockaddr_in address = loopback(port);
    char *buffer = links[fd].buffer;
    links[fd] = (struct link){.since = now(), .buffer = buffer};
    no_delay(fd);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS, "connect");
    return fd;
}

/* Read what has come of a reply: 1 if it is whole, 0 if not yet, -1 if the connection broke. */
static int replied(int fd, struct link *link) {
    long body, length = head(fd, link, &body);
    if (length <= 0) return length;
    if (link->used < length + body) return 0;
    link->used = 0;
    return 1;
}

static void connect_again_and_again(int port, int connections, double seconds) {
    long failed = 0;
    int64_t began = now(), end = began + seconds * 1e9;
    for (int i = 0; i < connections; i++) watch(dial(port, SOCK_NONBLOCK), EPOLL_CTL_ADD, EPOLLOUT);
    while (now() < end || !(answered + failed)) {
        int count = epoll_wait(poller, events, 1024, 100);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            struct link *link = &links[fd];
            if (!link->open) {
                int error = 0;
                socklen_t size = sizeof error;
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
                if (!error && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0) {
                    link->open = 1;
                    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
                    continue;
                }
                failed++;
            } else {
                int whole = replied(fd, link);
                if (!whole) continue;
                if (whole < 0) failed++;
                else note(now() - link->since);
            }
            close(fd);
            watch(dial(port, SOCK_NONBLOCK), EPOLL_CTL_ADD, EPOLLOUT);
        }
    }
    report(began, failed);
}

/* Open all connections, a hundred at a time, each with its first request answered. */
static int *opened(int port, int connections) {
    int *all = malloc(connections * sizeof *all);
    for (int first = 0; first < connections; first += 100) {
        int last = first + 100 < connections ? first + 100 : connections;
        for (int i = first; i < last; i++) {
            all[i] = dial(port, 0);
            send(all[i], request, strlen(request), MSG_NOSIGNAL);
        }
        for (int i = first; i < last; i++) {
            struct link *link = &links[all[i]];
            int whole;
            while (!(whole = replied(all[i], link)));
            if (whole < 0) { fprintf(stderr, "connection %d ended\n", i); exit(1); }
            free(link->buffer);
            link->buffer = 0;
            link->since = 0;
        }
    }
    return all;
}

static void pace(int port, int connections, double seconds, double milliseconds, int burst) {
    int *all = opened(port, connections);
    for (int i = 0; i < connections; i++) {
        fcntl(all[i], F_SETFL, O_NONBLOCK);
        watch(all[i], EPOLL_CTL_ADD, EPOLLIN);
    }
    int64_t interval = milliseconds * 1e6, began = now() + 10000000, end = began + seconds * 1e9, next = began;
    long sent = 0, failed = 0;
    for (int64_t at; (at = now()) < end;) {
        while (next <= at && next < end) {
            int fd = all[sent % connections];
            if (!links[fd].since) {             /* one request at a time on a connection */
                links[fd].since = burst ? now() : next;
                send(fd, request, strlen(request), MSG_NOSIGNAL);
            }
            sent++;
            next = burst ? began + sent / connections * interval : began + sent * interval / connections;
        }
        int64_t wait = next - now();
        struct timespec timeout = {wait > 0 ? wait / 1000000000 : 0, wait > 0 ? wait % 1000000000 : 0};
        int count = epoll_pwait2(poller, events, 1024, &timeout, 0);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd, whole = replied(fd, &links[fd]);
            if (!whole) continue;
            if (whole < 0) {
                failed++;
                watch(fd, EPOLL_CTL_DEL, 0);
                continue;
            }
            note(now() - links[fd].since);
            links[fd].since = 0;
        }
    }
    report(began, failed);
}

int main(int count, char **word) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
    setrlimit(RLIMIT_NOFILE, &limit);
    poller = epoll_create1(0);
    if (count == 2 && !strcmp(word[1], "serve")) serve();
    else if (count == 6 && !strcmp(word[1], "connect")) {
        request = word[5];
        connect_again_and_again(atoi(word[2]), atoi(word[3]), atof(word[4]));
    } else if (count == 8 && !strcmp(word[1], "pace")) {
        request = word[5];
        pace(atoi(word[2]), atoi(word[3]), atof(word[4]), atof(word[6]), atoi(word[7]));
    } else if (count == 5 && !strcmp(word[1], "hold")) {
        request = word[4];
        opened(atoi(word[2]), atoi(word[3]));
        puts("ready");
        fflush(stdout);
        while (read(0, events, sizeof events) > 0);
    } else {
        fputs("see the head of load.c\n", stderr);
        return 2;
    }
    return 0;
}
