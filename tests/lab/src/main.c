/* The lab guest's monitor: reads a line, does what it says. */
#include "lab.h"

void lab(u32 argc, char **argv, char **envp, u32 memory_size);
void monitor(void);

static u32 arg_count, arg_memory;
static char **arg_values, **arg_env;
extern const u32 vector_refill[4], vector_cache[4], vector_general[4], vector_interrupt[4];

static void install(u32 offset, const u32 code[4])
{
    u32 *to = (u32 *)(0x80000000 + offset);
    for (int i = 0; i < 4; i++)
        to[i] = code[i];
    code_sync(to, 16);
}

static const char *yamon(const char *name)
{
    if (((u32)arg_env >> 29) != 4 || (u32)arg_env & 3)
        return 0;
    for (char **e = arg_env; e[0] && e[1]; e += 2)
        if (same(e[0], name))
            return e[1];
    return 0;
}

static void info(void)
{
    const char *memsize = yamon("memsize");
    u32 config0 = C0_READ(16, 0), config1 = C0_READ(16, 1), config2 = config1 >> 31 ? C0_READ(16, 2) : 0;
    print("PRId %08x, %s-endian\n", C0_READ(15, 0), __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? "big" : "little");
    print("Config %08x Config1 %08x", config0, config1);
    if (config1 >> 31)
        print(" Config2 %08x", config2);
    if (config2 >> 31)
        print(" Config3 %08x", C0_READ(16, 3));
    print("\nTLB %u entries, FPU %s, watch %s\n", tlb_entries(), config1 & 1 ? "yes" : "no", config1 & 8 ? "yes" : "no");
    print("memory %u MiB (a3 %08x, memsize %s)\n", (memsize ? parse_number(memsize) : arg_memory) >> 20, arg_memory,
          memsize ? memsize : "unset");
    for (u32 i = 1; i < arg_count && i < 8; i++)
        print("argument %u: %s\n", i, arg_values[i]);
}

static void dump(u32 addr, u32 len)
{
    for (u32 row = 0; row < len; row += 16) {
        u32 n = len - row < 16 ? len - row : 16;
        print("%08x ", addr + row);
        for (u32 i = 0; i < 16; i++) {
            if (i < n)
                print(" %02x", *(volatile u8 *)(addr + row + i));
            else
                print("   ");
        }
        print("  ");
        for (u32 i = 0; i < n; i++) {
            u8 c = *(volatile u8 *)(addr + row + i);
            console_put(c >= ' ' && c < 0x7f ? c : '.');
        }
        print("\n");
    }
}

static void timer(u32 count)
{
    u32 seen = 0;
    timer_start(1000000);
    while (seen < count) {
        if (ticks == seen)
            __asm__ volatile("wait");
        while (seen < ticks && seen < count)
            print("tick %u\n", ++seen);
    }
    timer_stop();
    print("timer stopped\n");
}

static void help(void)
{
    print("help                 this list\n"
          "info                 processor, memory, arguments\n"
          "md ADDR [BYTES]      dump memory\n"
          "mw ADDR VALUE        write a word\n"
          "regs                 registers\n"
          "timer [N]            N ticks of the Count/Compare interrupt\n"
          "selftest             TLB, exceptions, self-modifying code, FPU...\n"
          "bench [SCALE]        work loops, as checksums\n"
          "halt                 reset the board\n"
          "poweroff             switch it off\n");
}

static void command(char *line)
{
    char *word[4] = {"", "", "", ""};
    int n = 0;
    while (*line && n < 4) {
        while (*line == ' ')
            *line++ = 0;
        if (!*line)
            break;
        word[n++] = line;
        while (*line && *line != ' ')
            line++;
    }
    if (n == 0)
        return;
    if (same(word[0], "help"))
        help();
    else if (same(word[0], "info"))
        info();
    else if (same(word[0], "md") && n > 1)
        dump(parse_number(word[1]), n > 2 ? parse_number(word[2]) : 64);
    else if (same(word[0], "mw") && n > 2)
        *(volatile u32 *)parse_number(word[1]) = parse_number(word[2]);
    else if (same(word[0], "regs"))
        __asm__ volatile("break 0, 7");
    else if (same(word[0], "timer"))
        timer(n > 1 ? parse_number(word[1]) : 5);
    else if (same(word[0], "selftest"))
        selftest();
    else if (same(word[0], "bench"))
        bench(n > 1 ? parse_number(word[1]) : 1);
    else if (same(word[0], "halt"))
        board_reset();
    else if (same(word[0], "poweroff"))
        board_poweroff();
    else
        print("%s? (help lists what there is)\n", word[0]);
}

void monitor(void)
{
    char line[80];
    for (;;) {
        print("lab> ");
        read_line(line, sizeof line);
        command(line);
    }
}

void lab(u32 argc, char **argv, char **envp, u32 memory_size)
{
    arg_count = argc, arg_values = argv, arg_env = envp, arg_memory = memory_size;
    console_init();
    print("\nTinamou lab (MIPS32, %s-endian). Type help.\n", __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? "big" : "little");
    install(0x000, vector_refill);
    install(0x100, vector_cache);
    install(0x180, vector_general);
    install(0x200, vector_interrupt);
    monitor();
}
