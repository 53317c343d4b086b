/* x86: i386 and amd64. */
#define SET_BYTES 8
/* Types of sockets. */
#define STREAM 1
#define DGRAM 2
/* struct sigaction as the kernel has it. */
struct ksigaction { void *handler; unsigned long flags; void *restorer; unsigned long mask[8 / sizeof(long)]; };
void restorer(void);
void start(unsigned long *sp);
void thread(long n);
#ifdef __x86_64__
static long sys6(long n, ul a, ul b, ul c, ul d, ul e, ul f)
{
    register ul r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "memory", "rcx", "r11");
    return n;
}
static inline long clone_thread(ul flags, ul *sp, volatile int *tid, long n)
{
    long r = __NR_clone;
    register volatile int *ctid __asm__("r10") = tid;
    register ul tls __asm__("r8") = 0;
    register long arg __asm__("r12") = n;
    __asm__ volatile("syscall; test %%rax, %%rax; jnz 1f; mov %%r12, %%rdi; and $-16, %%rsp; call thread; 1:"
                     : "+a"(r) : "D"(flags), "S"(sp), "d"(tid), "r"(ctid), "r"(tls), "r"(arg) : "memory", "rcx", "r11");
    return r;
}
__asm__(".globl __start\n__start: mov %rsp, %rdi; xor %ebp, %ebp; and $-16, %rsp; call start\nrestorer: mov $15, %eax; syscall\n");
#define PC(c) (c)->uc_mcontext.rip
#else
static long sys6(long n, ul a, ul b, ul c, ul d, ul e, ul f)
{
    ul two[2] = {a, f}, *p = two;
    __asm__ volatile("push %%ebp; mov 4(%1), %%ebp; mov (%1), %%ebx; int $0x80; pop %%ebp"
                     : "+a"(n), "+b"(p) : "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return n;
}
static inline long clone_thread(ul flags, ul *sp, volatile int *tid, long n)
{
    long r = __NR_clone;
    *--sp = n; *--sp = 0;
    __asm__ volatile("int $0x80; test %%eax, %%eax; jnz 1f; pop %%eax; xor %%ebp, %%ebp; call thread; 1:"
                     : "+a"(r) : "b"(flags), "c"(sp), "d"(tid), "S"(0), "D"(tid) : "memory");
    return r;
}
__asm__(".globl __start\n__start: mov %esp, %eax; xor %ebp, %ebp; and $-16, %esp; sub $12, %esp; push %eax; call start\nrestorer: mov $173, %eax; int $0x80\n");
#define PC(c) (c)->uc_mcontext.eip
#endif
/* The instructions below have two bytes. */
#define SKIP(c) (PC(c) += 2)
#define LOAD_FROM_16 __asm__ volatile("mov (%%eax), %%cl" :: "a"(16) : "ecx", "memory")
#define STORE_TO(at) __asm__ volatile("mov %%cl, (%0)" :: "a"(at) : "memory")
extern char divide_here[];
#define DIVIDE_BY_ZERO fault_at = (ul)divide_here; __asm__ volatile("divide_here: div %%cl" :: "a"(1), "c"(0) : "cc", "memory")
/* mov $n, %eax; ret */
#define CODE_THAT_GIVES(code, n) (code)[0] = 0xb8; (code)[1] = (n); (code)[2] = (code)[3] = (code)[4] = 0; (code)[5] = 0xc3
