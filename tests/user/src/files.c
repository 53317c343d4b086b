/* Files, directories, pipes, poll, in a folder given as argument. */
#include "sys.h"
static char buf[8192];
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    num("chdir", S(chdir, argv[1]));
    num("mkdir", S(mkdir, "d", 0755));
    num("again", S(mkdir, "d", 0755));
    int fd = S(open, "d/f", O_RDWR | O_CREAT | O_EXCL, 0640);
    num("open", fd);
    num("excl", S(open, "d/f", O_RDWR | O_CREAT | O_EXCL, 0640));
    num("write", S(write, fd, "hello world", 11));
    num("lseek", S(lseek, fd, 6, 0));
    num("read", S(read, fd, buf, 100));
    buf[5] = 0; put(buf); put("\n");
    num("link", S(link, "d/f", "d/g"));
    num("symlink", S(symlink, "f", "d/s"));
    num("readlink", S(readlink, "d/s", buf, 100));
    num("rename", S(rename, "d/g", "d/h"));
    num("rmdir full", S(rmdir, "d"));
    num("loop", S(symlink, "l", "l") + S(open, "l", 0));
    num("dup2", S(dup2, fd, 9));
    num("truncate", S(ftruncate, 9, 3));
    num("size", S(lseek, fd, 0, 2));
    int d = S(open, "d", O_RDONLY), n, names = 0;
    while ((n = S(getdents64, d, buf, sizeof buf)) > 0)
        for (int i = 0; i < n; names++) i += *(unsigned short *)(buf + i + 16);
    num("names", names);
    num("write a directory", S(open, "d", O_WRONLY));
    int p[2];
    num("pipe", S(pipe2, p, O_NONBLOCK));
    num("empty", S(read, p[0], buf, 1));
    long total = 0;
    while ((n = S(write, p[1], buf, 4096)) > 0) total += n;
    num("capacity", total);
    num("full", n);
    struct { int fd; short events, revents; } pf[2] = {{p[0], 1, 0}, {p[1], 4, 0}};
    num("poll", S(poll, pf, 2, 0));
    num("events", pf[0].revents * 100 + pf[1].revents);
    long pid = fork();
    if (!pid) {
        S(close, p[0]); S(close, p[1]);
        int q = S(open, "/proc/self/fd", O_RDONLY);
        S(exit, q > 0 ? 5 : 6);
    }
    num("child", wait_for(pid) >> 8);
    S(close, p[1]);
    while ((n = S(read, p[0], buf, sizeof buf)) > 0) total -= n;
    num("drained", total);
    num("end", n);
    num("unlink", S(unlink, "d/f") + S(unlink, "d/h") + S(unlink, "d/s") + S(unlink, "l"));
    num("rmdir", S(rmdir, "d"));
    char *args[] = {"start", "by exec", 0}, *env[] = {"T=1", 0};
    if (argc > 2) S(execve, argv[2], args, env);
    return 0;
}
