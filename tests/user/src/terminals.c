/* Pseudo-terminals with their line discipline and job control, POSIX message queues, descriptors of processes. */
#include "sys.h"
#include <asm/termbits.h>
#include <asm/ioctls.h>
#ifndef __NR_pidfd_open
#define __NR_pidfd_open (__NR_statx - __NR_statx % 1000 + 434)
#define __NR_pidfd_send_signal (__NR_statx - __NR_statx % 1000 + 424)
#endif
struct winsize { unsigned short r, c, x, y; };
static char buf[300];
static volatile int got;
static void note(int sig) { got = sig; }
static void show(const char *what, int n)
{
    put(what); put(" ");
    for (int i = 0; i < n; i++) {
        unsigned char c = buf[i];
        char t[3] = {c, 0, 0};
        if (c < 32 || c == 127) { t[0] = '^'; t[1] = c ^ 64; }
        put(t);
    }
    put("\n");
}
static int master, slave;
static void type(const char *s) { S(write, master, s, len(s)); }
static void rest(void) { struct { long s, ns; } t = {0, 30000000}; S(nanosleep, &t, 0); }
static void said(void) { rest(); int n = S(read, master, buf, sizeof buf); if (n < 0) num("said", n); else show("said", n); }
static void line(void) { int n = S(read, slave, buf, sizeof buf); if (n < 0) num("line", n); else show("line", n); }
struct mq { long flags, most, size, now, more[4]; };
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    master = S(open, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    num("master", master >= 0);
    int zero = 0, n = -1;
    num("unlock", S(ioctl, master, TIOCSPTLCK, &zero));
    num("number", S(ioctl, master, TIOCGPTN, &n));
    num("a number", n >= 0);
    char path[24] = "/dev/pts/", *p = path + 9;
    char digits[12]; int d = 0;
    do digits[d++] = '0' + n % 10; while (n /= 10);
    while (d) *p++ = digits[--d];
    slave = S(open, path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    num("slave", slave >= 0);
    struct termios t;
    num("modes", S(ioctl, slave, TCGETS, &t));
    num("canonical", (t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    num("interrupt", t.c_cc[VINTR]);
    struct winsize w = {24, 80, 0, 0};
    num("size", S(ioctl, master, TIOCSWINSZ, &w)); w.c = 0;
    S(ioctl, slave, TIOCGWINSZ, &w); num("columns", w.c);
    line();
    type("hel\177lo wor\025say\n");
    said(); line();
    type("two words\027three\004");
    said(); line();
    type("\004"); line();
    S(write, slave, "out\n", 4); said();
    type("a\026\003b\n"); said(); line();
    t.c_lflag &= ~(ICANON | ECHO); t.c_cc[VMIN] = 1; t.c_cc[VTIME] = 0;
    num("raw", S(ioctl, slave, TCSETS, &t));
    type("xyz"); line(); line();
    t.c_lflag |= ICANON | ECHO;
    S(ioctl, slave, TCSETS, &t);
    type("queue");
    said();
    num("flush", S(ioctl, slave, TCFLSH, 0));
    type("\n"); said(); line();
    struct { int fd; short events, revents; } pf[2] = {{master, 1, 0}, {slave, 1, 0}};
    num("poll", S(poll, pf, 2, 0));
    type("p\n"); rest();
    num("poll", S(poll, pf, 2, 1000)); num("events", pf[0].revents * 10 + pf[1].revents);
    said(); line();
    /* A session of its own: signals from keys, the foreground, the hang-up. */
    int ready[2]; char c;
    S(pipe2, ready, 0);
    long pid = fork();
    if (!pid) {
        S(setsid);
        S(close, master);
        S(fcntl, slave, F_SETFL, O_RDWR);
        num("no terminal yet", S(open, "/dev/tty", O_RDWR));
        num("controlling", S(ioctl, slave, TIOCSCTTY, 0));
        int tty = S(open, "/dev/tty", O_RDWR);
        num("tty", tty >= 0);
        num("session", S(ioctl, tty, TIOCGSID, &n)); num("mine", n == self());
        on_signal(SIGINT, note, 0);
        on_signal(SIGHUP, note, 0);
        on_signal(SIGTTOU, (void *)1, 0);
        S(write, ready[1], "r", 1);
        struct { long s, ns; } half = {0, 500000000};
        num("slept", S(nanosleep, &half, 0)); num("signal", got);
        /* A background reader is stopped, and goes on in the foreground. */
        long bg = fork();
        if (!bg) { S(setpgid, 0, 0); n = S(read, slave, buf, 10); show("background", n); S(exit, 9); }
        int st;
        S(setpgid, bg, bg);
        S(wait4, bg, &st, 2, 0);
        num("stopped", (st & 0xff) == 0x7f && st >> 8 == SIGTTIN);
        int fg = bg;
        num("to the foreground", S(ioctl, slave, TIOCSPGRP, &fg));
        S(kill, bg, SIGCONT);
        S(write, ready[1], "s", 1);
        num("ended", wait_for(bg) >> 8);
        fg = self();
        S(ioctl, slave, TIOCSPGRP, &fg);
        S(write, ready[1], "t", 1);
        struct { long s, ns; } five = {5, 0};
        num("slept", S(nanosleep, &five, 0)); num("signal", got);
        S(exit, 4);
    }
    S(close, slave);
    S(read, ready[0], &c, 1);
    rest(); type("\003");
    S(read, ready[0], &c, 1);
    type("bg\n");
    S(read, ready[0], &c, 1);
    rest(); S(close, master);
    num("child", wait_for(pid) >> 8);
    /* Message queues. */
    struct mq a = {0, 3, 16};
    S(mq_unlink, "tinamou-q");
    num("no queue", S(mq_open, "tinamou-q", O_RDWR, 0, 0));
    int q = S(mq_open, "tinamou-q", O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &a);
    num("queue", q >= 0);
    num("again", S(mq_open, "tinamou-q", O_RDWR | O_CREAT | O_EXCL, 0600, &a));
    num("empty", S(mq_timedreceive, q, buf, 16, 0, 0));
    struct { long value; int sig, how; char pad[52]; } ev = {7, SIGUSR1, 0};
    on_signal(SIGUSR1, note, 0);
    num("notify", S(mq_notify, q, &ev));
    num("send", S(mq_timedsend, q, "low", 3, 1, 0)); num("told", got == SIGUSR1);
    num("send", S(mq_timedsend, q, "high", 4, 9, 0)); num("send", S(mq_timedsend, q, "low2", 4, 1, 0));
    num("full", S(mq_timedsend, q, "x", 1, 1, 0));
    num("too long", S(mq_timedsend, q, buf, 17, 1, 0));
    struct mq b;
    num("attributes", S(mq_getsetattr, q, 0, &b)); num("now", b.now); num("most", b.most);
    unsigned prio = 0;
    num("small buffer", S(mq_timedreceive, q, buf, 15, &prio, 0));
    for (int i = 0; i < 3; i++) { n = S(mq_timedreceive, q, buf, 16, &prio, 0); show("message", n); num("priority", prio); }
    pid = fork();
    if (!pid) { struct { long s, ns; } t = {0, 30000000}; S(nanosleep, &t, 0); S(mq_timedsend, q, "late", 4, 0, 0); S(exit, 0); }
    a.flags = 0;
    num("blocking", S(mq_getsetattr, q, &a, 0));
    n = S(mq_timedreceive, q, buf, 16, &prio, 0); show("message", n);
    wait_for(pid);
    num("unlink", S(mq_unlink, "tinamou-q")); num("unlink", S(mq_unlink, "tinamou-q"));
    /* Descriptors of processes. */
    pid = fork();
    if (!pid) { for (;;) { struct { long s, ns; } t = {9, 0}; S(nanosleep, &t, 0); }; }
    int pfd = S(pidfd_open, pid, 0);
    num("pidfd", pfd >= 0);
    pf[0].fd = pfd;
    num("lives", S(poll, pf, 1, 0));
    num("kill", S(pidfd_send_signal, pfd, SIGTERM, 0, 0));
    num("ended", S(poll, pf, 1, 5000)); num("events", pf[0].revents);
    num("status", wait_for(pid));
    num("gone", S(pidfd_send_signal, pfd, SIGTERM, 0, 0));
    return 0;
}
