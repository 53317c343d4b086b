/* Events of files and directories, in the order Linux tells them. */
#include "sys.h"
#include <linux/inotify.h>
#define AT_FDCWD_ -100
static char buf[4096] __attribute__((aligned(8)));
static unsigned cookie;
static int in;
static void show(const char *what)
{
    put(what); put(":\n");
    long n = S(read, in, buf, sizeof buf);
    if (n < 0) num("  nothing", n);
    for (long at = 0; at < n;) {
        struct inotify_event *e = (void *)(buf + at);
        num("  wd", e->wd);
        num("  mask", e->mask);
        if (e->cookie) num("  cookie as before", e->cookie == cookie);
        cookie = e->cookie;
        num("  len", e->len);
        if (e->len) { put("  name "); put(e->name); put("\n"); }
        at += sizeof *e + e->len;
    }
}
static long open_at(const char *p, int f) { return S(openat, AT_FDCWD_, p, f, 0644); }
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    num("chdir", S(chdir, argv[1]));
    S(mkdirat, AT_FDCWD_, "box", 0755);
    in = S(inotify_init1, O_NONBLOCK);
    num("instance", in >= 0);
    num("no events asked", S(inotify_add_watch, in, "box", 0));
    num("not there", S(inotify_add_watch, in, "nobody", IN_ALL_EVENTS));
    num("no instance", S(inotify_add_watch, 1, "box", IN_ALL_EVENTS));
    int wd = S(inotify_add_watch, in, "box", IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE | IN_MOVE | IN_ATTRIB | IN_ONLYDIR);
    num("watch", wd);
    num("again", S(inotify_add_watch, in, "box", IN_ALL_EVENTS & ~(IN_ACCESS | IN_OPEN)));
    num("and once only", S(inotify_add_watch, in, "box", IN_ALL_EVENTS | IN_MASK_CREATE));
    show("empty");
    int fd = open_at("box/file", O_CREAT | O_RDWR);
    S(write, fd, "one", 3); S(write, fd, "two", 3);
    show("made and written");
    S(ftruncate, fd, 2);
    S(fchmod, fd, 0600);
    show("cut and mode");
    int copy = S(dup, fd);
    S(close, fd);
    show("closed once");
    S(close, copy);
    show("closed");
    num("file", S(inotify_add_watch, in, "box/file", IN_ALL_EVENTS));
    fd = open_at("box/file", O_RDONLY);
    S(read, fd, buf, 10);
    S(close, fd);
    show("read");
    S(linkat, AT_FDCWD_, "box/file", AT_FDCWD_, "box/other", 0);
    show("linked");
    S(unlinkat, AT_FDCWD_, "box/other", 0);
    show("unlinked");
    S(renameat2, AT_FDCWD_, "box/file", AT_FDCWD_, "box/moved", 0);
    show("renamed");
    S(renameat2, AT_FDCWD_, "box/moved", AT_FDCWD_, "outside", 0);
    show("moved out");
    S(unlinkat, AT_FDCWD_, "outside", 0);
    show("gone");
    num("no longer watched", S(inotify_rm_watch, in, 2));
    S(mkdirat, AT_FDCWD_, "box/dir", 0755);
    S(symlinkat, "nowhere", AT_FDCWD_, "box/link");
    S(unlinkat, AT_FDCWD_, "box/link", 0);
    S(unlinkat, AT_FDCWD_, "box/dir", 0x200);
    show("directory and link");
    /* A buffer too small for the next event. */
    fd = open_at("box/a name of some length", O_CREAT | O_RDWR);
    num("too small", S(read, in, buf, 20));
    S(close, fd);
    show("and whole");
    num("remove", S(inotify_rm_watch, in, wd));
    show("removed");
    num("once", S(inotify_add_watch, in, "box", IN_CREATE | IN_ONESHOT));
    S(close, open_at("box/1", O_CREAT | O_RDWR));
    S(close, open_at("box/2", O_CREAT | O_RDWR));
    show("one event");
    /* A child makes a file while its parent waits in read. */
    int slow = S(inotify_init1, 0);
    num("waiting", S(inotify_add_watch, slow, "box", IN_CREATE));
    long pid = fork();
    if (!pid) {
        long ts[2] = {0, 20000000};
        S(nanosleep, ts, 0);
        S(close, open_at("box/3", O_CREAT | O_RDWR));
        S(exit, 0);
    }
    in = slow;
    show("after a wait");
    num("child", wait_for(pid));
    for (const char *p = "123"; *p; p++) { char name[] = "box/0"; name[4] = *p; S(unlinkat, AT_FDCWD_, name, 0); }
    S(unlinkat, AT_FDCWD_, "box/a name of some length", 0);
    S(unlinkat, AT_FDCWD_, "box", 0x200);
    show("the directory itself");
    return 0;
}
