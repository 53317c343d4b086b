/* The calls of i386 from 64-bit code: int $0x80, with that table's numbers, 32-bit arguments and structures. */
#include "sys.h"
static long call(long n, ul b, ul c, ul d, ul s, ul di)
{
    __asm__ volatile("int $0x80" : "+a"(n) : "b"(b), "c"(c), "d"(d), "S"(s), "D"(di) : "memory");
    return n;
}
struct iov { unsigned base, len; };
static char text[64];
static struct iov iov[2];
static unsigned words[64];
static volatile int hits;
static void hit(int sig) { hits++; }
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    num("write", call(4, 1, (ul) "text\n", 5, 0, 0));
    num("getpid", call(20, 0, 0, 0, 0, 0) == self());
    num("no such file", call(5, (ul) "/does/not/exist", 0, 0, 0, 0));
    num("no such call", call(9999, 0, 0, 0, 0, 0));
    num("upper halves do not count", call(4, 0xabcd00000001ul, (ul) "upper\n" | 0x123400000000ul, 6, 0, 0));
    iov[0] = (struct iov){(unsigned)(ul) "two ", 4};
    iov[1] = (struct iov){(unsigned)(ul) "parts\n", 6};
    num("writev", call(146, 1, (ul)iov, 2, 0, 0));
    long at = call(192, 0, 8192, 3, 0x22, -1);
    num("mmap2 below 4 GiB", at > 0 && at < 0x100000000l);
    *(volatile char *)at = 1;
    num("munmap", call(91, at, 8192, 0, 0, 0));
    num("mmap by itself is above", (ul)S(mmap, 0, 8192, 3, 0x22, -1, 0) > 0xfffffffful);
    /* struct stat64: 96 bytes, st_mode at 16; the 64-bit one is another. */
    for (int i = 0; i < 64; i++) words[i] = 0x55555555;
    num("stat64", call(195, (ul) "/", (ul)words, 0, 0, 0));
    num("mode", words[4] >> 12);
    num("size of it", words[23] != 0x55555555 && words[24] == 0x55555555);
    words[0] = 0; words[1] = 1000;
    num("nanosleep", call(162, (ul)words, 0, 0, 0, 0));
    words[0] = 0; words[1] = 2000000000;
    num("bad nanosleep", call(162, (ul)words, 0, 0, 0, 0));
    long fd = call(8, (ul) "/dev/null", 0600, 0, 0, 0);
    num("_llseek", call(140, fd, 0, 5, (ul)words, 0));
    num("close", call(6, fd, 0, 0, 0, 0));
    num("close again", call(6, fd, 0, 0, 0, 0));
    call(122, (ul)words, 0, 0, 0, 0);
    put((char *)words); put("\n");
    register ul r8 __asm__("r8") = 8, r9 __asm__("r9") = 9, r10 __asm__("r10") = 10, r11 __asm__("r11") = 11;
    long n = 20; ul cx = 77;
    __asm__ volatile("int $0x80" : "+a"(n), "+c"(cx), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r11));
    num("registers", r8 == 8 && r9 == 9 && r10 == 10 && r11 == 11 && cx == 77);
    /* A pipe that makes it wait, and a child by the old fork. */
    call(42, (ul)words, 0, 0, 0, 0);
    long pid = call(2, 0, 0, 0, 0, 0);
    if (!pid) {
        words[2] = 0; words[3] = 1000000;
        call(162, (ul)(words + 2), 0, 0, 0, 0);
        call(4, words[1], (ul) "late", 4, 0, 0);
        call(1, 5, 0, 0, 0, 0);
    }
    num("read", call(3, words[0], (ul)text, 4, 0, 0));
    put(text); put("\n");
    words[5] = 0;
    num("waitpid", call(7, pid, (ul)(words + 5), 0, 0, 0) == pid);
    num("status", words[5]);
    /* A handler by the 64-bit call, a signal by the other. */
    on_signal(SIGUSR1, (void *)hit, 0);
    num("kill", call(37, self(), SIGUSR1, 0, 0, 0));
    num("hits", hits);
    return 0;
}
