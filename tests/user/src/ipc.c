/* Unix sockets and System V IPC. */
#include "sys.h"
#include <linux/ipc.h>
#if !defined __LP64__ && !(defined __mips__ && _MIPS_SIM == _ABIN32)
static long semget_(long key, int n, int f) { return S(ipc, 2, key, n, f, 0, 0); }
static long semop_(int id, void *ops, int n) { return S(ipc, 1, id, n, 0, ops, 0); }
static long semctl_(int id, int n, int cmd, ul arg) { return S(ipc, 3, id, n, cmd, &arg, 0); }
static long shmget_(long key, ul n, int f) { return S(ipc, 23, key, n, f, 0, 0); }
static char *shmat_(int id) { ul at = 0; S(ipc, 21, id, 0, &at, 0, 0); return (char *)at; }
static long shmctl_(int id, int cmd) { return S(ipc, 24, id, cmd, 0, 0, 0); }
static long msgget_(long key, int f) { return S(ipc, 13, key, f, 0, 0, 0); }
static long msgsnd_(int id, void *m, int n, int f) { return S(ipc, 11, id, n, f, m, 0); }
static long msgrcv_(int id, void *m, int n, long t, int f) { struct { void *m; long t; } k = {m, t}; return S(ipc, 12, id, n, f, &k, 0); }
static long msgctl_(int id, int cmd) { return S(ipc, 14, id, cmd, 0, 0, 0); }
#else
static long semget_(long key, int n, int f) { return S(semget, key, n, f); }
static long semop_(int id, void *ops, int n) { return S(semop, id, ops, n); }
static long semctl_(int id, int n, int cmd, ul arg) { return S(semctl, id, n, cmd, arg); }
static long shmget_(long key, ul n, int f) { return S(shmget, key, n, f); }
static char *shmat_(int id) { return (char *)S(shmat, id, 0, 0); }
static long shmctl_(int id, int cmd) { return S(shmctl, id, cmd, 0); }
static long msgget_(long key, int f) { return S(msgget, key, f); }
static long msgsnd_(int id, void *m, int n, int f) { return S(msgsnd, id, m, n, f); }
static long msgrcv_(int id, void *m, int n, long t, int f) { return S(msgrcv, id, m, n, t, f); }
static long msgctl_(int id, int cmd) { return S(msgctl, id, cmd, 0); }
#endif
struct msg { long type; char text[16]; };
static char buf[70000];
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    int shm = shmget_(0, 8192, 0600 | IPC_CREAT);
    char *p = shmat_(shm);
    int sem = semget_(0, 2, 0600 | IPC_CREAT);
    num("values", semctl_(sem, 0, 12, 0));
    long pid = fork();
    if (!pid) {
        short take[3] = {0, -1, 0}, give[3] = {1, 2, 0};
        semop_(sem, take, 1);
        p[5000] = p[1] + 1;
        semop_(sem, give, 1);
        S(exit, 0);
    }
    p[1] = 41;
    short give[3] = {0, 1, 0}, take[3] = {1, -2, 0}, more[3] = {1, -1, 04000};
    num("semop", semop_(sem, give, 1));
    num("semop", semop_(sem, take, 1));
    num("shared", p[5000]);
    num("would wait", semop_(sem, more, 1));
    wait_for(pid);
    num("remove", semctl_(sem, 0, 0, 0) + shmctl_(shm, 0));
    num("gone", semop_(sem, more, 1));
    int q = msgget_(0, 0600 | IPC_CREAT);
    struct msg m = {3, "three"}, n = {1, "one"}, r;
    msgsnd_(q, &m, 6, 0); msgsnd_(q, &n, 4, 0);
    num("message", msgrcv_(q, &r, 16, 1, 0));
    put(r.text); put("\n");
    num("too long", msgrcv_(q, &r, 2, 0, 0));
    num("message", msgrcv_(q, &r, 16, 0, 0));
    num("none", msgrcv_(q, &r, 16, 0, 04000));
    num("remove", msgctl_(q, 0));
    int s[2];
    num("socketpair", S(socketpair, 1, STREAM, 0, s));
    pid = fork();
    if (!pid) {
        S(close, s[0]);
        memset(buf, 7, sizeof buf);
        for (int i = 0; i < 20; i++) S(write, s[1], buf, sizeof buf);
        S(exit, 0);
    }
    S(close, s[1]);
    long total = 0, k;
    while ((k = S(read, s[0], buf, 3000)) > 0) total += k;
    num("received", total);
    num("end", k);
    wait_for(pid);
    S(socketpair, 1, DGRAM, 0, s);
    S(write, s[0], "ab", 2); S(write, s[0], "c", 1);
    num("datagram", S(read, s[1], buf, 10));
    num("datagram", S(read, s[1], buf, 10));
    struct { unsigned short family; char path[14]; } a = {1, "\0tinamou-test"};
    int l = S(socket, 1, STREAM, 0), c = S(socket, 1, STREAM, 0);
    num("refused", S(connect, c, &a, 15));
    num("bind", S(bind, l, &a, 15) + S(listen, l, 5));
    num("connect", S(connect, c, &a, 15));
    int d = S(accept4, l, 0, 0, 0);
    S(write, c, "hi", 2);
    num("accepted", S(read, d, buf, 10));
    S(shutdown, c, 1);
    num("shut down", S(read, d, buf, 10));
    return 0;
}
