/* MIPS: o32, n64 and n32, both byte orders. */
#if _MIPS_SIM == _ABI64
#define LA "dla"
#define ADD "daddiu"
#else
#define LA "la"
#define ADD "addiu"
#endif
#define SET_BYTES 16
/* Types of sockets. */
#define STREAM 2
#define DGRAM 1
/* struct sigaction as the kernel has it. */
struct ksigaction { unsigned flags; void *handler; unsigned long mask[16 / sizeof(long)]; };
static long sys6(long n, ul a, ul b, ul c, ul d, ul e, ul f)
{
    register long v0 __asm__("$2") = n;
    register ul a0 __asm__("$4") = a, a1 __asm__("$5") = b, a2 __asm__("$6") = c;
    register ul a3 __asm__("$7") = d;
#if _MIPS_SIM == _ABIO32
    __asm__ volatile("subu $29, 32; sw %5, 16($29); sw %6, 20($29); syscall; addiu $29, 32"
                     : "+r"(v0), "+r"(a3) : "r"(a0), "r"(a1), "r"(a2), "r"(e), "r"(f)
                     : "memory", "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "hi", "lo");
#else
    register ul a4 __asm__("$8") = e, a5 __asm__("$9") = f;
    __asm__ volatile("syscall" : "+r"(v0), "+r"(a3), "+r"(a4), "+r"(a5) : "r"(a0), "r"(a1), "r"(a2)
                     : "memory", "$1", "$3", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "hi", "lo");
#endif
    return a3 ? -v0 : v0;
}
void thread(long n);
/* A thread that runs thread(n). */
static inline long clone_thread(ul flags, ul *sp, volatile int *tid, long n)
{
    register long v0 __asm__("$2") = __NR_clone;
    register ul a0 __asm__("$4") = flags;
    register ul a1 __asm__("$5") = (ul)sp, a2 __asm__("$6") = (ul)tid, a3 __asm__("$7") = 0;
#if _MIPS_SIM == _ABIO32
    register ul arg __asm__("$16") = n;
    __asm__ volatile(".set push\n.set noreorder\n subu $29, 32\n sw %4, 16($29)\n syscall\n addiu $29, 32\n bnez $2, 1f\n nop\n move $4, $16\n"
                     " subu $29, 64\n la $25, thread\n jalr $25\n nop\n1:\n.set pop"
                     : "+r"(v0), "+r"(a3) : "r"(a0), "r"(a1), "r"(a2), "r"(arg) : "memory", "$1", "$3", "$8", "$25", "$31");
#else
    register ul a4 __asm__("$8") = (ul)tid, arg __asm__("$16") = n;
    __asm__ volatile(".set push\n.set noreorder\n syscall\n bnez $2, 1f\n nop\n move $4, $16\n " ADD " $29, -64\n " LA " $25, thread\n jalr $25\n nop\n1:\n.set pop"
                     : "+r"(v0), "+r"(a3), "+r"(a4) : "r"(a0), "r"(a1), "r"(a2), "r"(arg) : "memory", "$1", "$3", "$25", "$31");
#endif
    return v0;
}
/* Puts the context of a handler behind the instruction that faulted. */
#define SKIP(c) ((c)->uc_mcontext.sc_pc += 4)
#define LOAD_FROM_16 __asm__ volatile(".set push\n.set noreorder\n li $8, 0x10\n lw $9, 0($8)\n nop\n.set pop" ::: "$8", "$9", "memory")
#define STORE_TO(at) __asm__ volatile(".set push\n.set noreorder\n sw $0, 0(%0)\n nop\n.set pop" ::"r"(at) : "memory")
#define DIVIDE_BY_ZERO fault_at = 0; __asm__ volatile(".set push\n.set noreorder\n li $8, 0\n teq $8, $0, 7\n nop\n.set pop" ::: "$8", "memory")
/* jr ra; addiu v0, zero, n */
#define CODE_THAT_GIVES(code, n) ((unsigned *)(code))[0] = 0x03e00008; ((unsigned *)(code))[1] = 0x24020000 | (n)
__asm__(".globl __start\n.set push\n.set noreorder\n__start:\n move $4, $29\n move $30, $0\n"
#if _MIPS_SIM == _ABIO32
        " addiu $29, -32\n la $25, start\n"
#else
        " " LA " $25, start\n"
#endif
        " jalr $25\n nop\n.set pop\n");
