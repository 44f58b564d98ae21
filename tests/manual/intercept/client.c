/* Calls Redis by what libc has, linked statically: cc -static client.c && ./a.out HOST PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    struct timespec began, ended;
    char reply[8] = "";
    int got = -1, sock = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, words[1], &at.sin_addr);
    clock_gettime(CLOCK_MONOTONIC, &began);
    if (connect(sock, (struct sockaddr *)&at, sizeof at) == 0 && write(sock, "PING\r\n", 6) == 6)
        got = read(sock, reply, 5);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("static C: %s, %ld ms\n", got < 0 ? strerror(errno) : reply,
           (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000);
    return got < 0;
}
