// Several CPUs of a PC: start-up, atomic counters, a spin lock, interrupts between CPUs, local timers, NMI, and code that one CPU rewrites
// while the others call it. Prints what every correct PC prints, and switches it off.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define MOST 8
#define ROUNDS 5000
#define LAPIC ((volatile u32 *)0xfee00000)
enum { ID = 0x20 / 4, EOI = 0xb0 / 4, SVR = 0xf0 / 4, ICR = 0x300 / 4, ICR_HIGH = 0x310 / 4, LVT_TIMER = 0x320 / 4, COUNT = 0x380 / 4, DIVIDE = 0x3e0 / 4 };
enum { IPI_VECTOR = 0x40, TIMER_VECTOR = 0x41 };

extern u8 trampoline[], trampoline_end[], answer[];
extern void ipi_entry(void), timer_entry(void), nmi_entry(void);

static struct { u16 low, selector, kind, high; } __attribute__((packed)) idt[256];
static volatile u32 online, atomic_sum, locked_sum, lock, phase, arrived[16];
static volatile u32 ipis[MOST], timers[MOST], nmis[MOST], answers[MOST];
static u32 cpus;

static void out8(u16 port, u8 v) { asm volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
static u8 in8(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static void pause(void) { asm volatile("pause" ::: "memory"); }
static void put(char c) { while (!(in8(0x3fd) & 0x20)) {} out8(0x3f8, c); }
static void text(const char *s) { while (*s) put(*s++); }
static void line(const char *what, u32 v) {
    text(what);
    put(' ');
    for (int i = 28; i >= 0; i -= 4) put("0123456789abcdef"[v >> i & 15]);
    text("\r\n");
}

static u32 me(void) { return LAPIC[ID] >> 24; }
void on_ipi(void) { ipis[me()]++; LAPIC[EOI] = 0; }
void on_timer(void) { timers[me()]++; LAPIC[EOI] = 0; }
void on_nmi(void) { nmis[me()]++; }

static void gate(int n, void (*f)(void)) {
    u32 at = (u32)f;
    idt[n].low = at, idt[n].selector = 8, idt[n].kind = 0x8e00, idt[n].high = at >> 16;
}

static void send(u32 to, u32 what) {
    LAPIC[ICR_HIGH] = to << 24;
    LAPIC[ICR] = what;
}

// All CPUs meet at the end of phase `n`.
static void meet(int n) {
    asm volatile("lock incl %0" : "+m"(arrived[n]));
    while (arrived[n] < cpus) pause();
}

static void work(u32 id) {
    struct { u16 limit; void *at; } __attribute__((packed)) idtr = {sizeof idt - 1, idt};
    asm volatile("lidt %0" ::"m"(idtr));
    LAPIC[SVR] = 0x1ff;
    asm volatile("lock incl %0" : "+m"(online));
    while (!phase) pause();

    // 1: atomic and locked additions.
    for (u32 i = 0; i < ROUNDS; i++) {
        asm volatile("lock incl %0" : "+m"(atomic_sum));
        u32 held = 1;
        for (;;) {
            asm volatile("xchgl %0, %1" : "+r"(held), "+m"(lock)::"memory");
            if (!held) break;
            while (lock) pause();
        }
        locked_sum = locked_sum + id + 1;
        asm volatile("" ::: "memory");
        lock = 0;
    }
    meet(1);

    // 2: the next CPU is interrupted while it sleeps.
    if (id == 0) send((id + 1) % cpus, 0x4000 | IPI_VECTOR);
    while (!ipis[id]) asm volatile("sti; hlt; cli" ::: "memory");
    if (id != 0) send((id + 1) % cpus, 0x4000 | IPI_VECTOR);
    meet(2);

    // 3: each CPU's own timer.
    LAPIC[DIVIDE] = 0xb;
    LAPIC[LVT_TIMER] = TIMER_VECTOR;
    for (u32 i = 0; i < 3; i++) {
        LAPIC[COUNT] = 100000 + 1000 * id;
        while (timers[id] <= i) asm volatile("sti; hlt; cli" ::: "memory");
    }
    meet(3);

    // 4: an NMI for all others.
    if (id == 0) LAPIC[ICR] = 0xc4400;
    while (id != 0 && !nmis[id]) pause();
    meet(4);

    // 5: the first CPU rewrites what the others have called often.
    for (u32 i = 0; i < ROUNDS; i++) answers[id] += ((u32(*)(void))answer)();
    meet(5);
    if (id == 0) answer[1] = 2;
    meet(6);
    answers[id] += 0x10000 * ((u32(*)(void))answer)();
    meet(7);
}

void other(u32 id) {
    work(id);
    for (;;) asm volatile("cli; hlt");
}

void first(void) {
    text("SMP-BEGIN\r\n");
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    gate(2, nmi_entry);
    gate(IPI_VECTOR, ipi_entry);
    gate(TIMER_VECTOR, timer_entry);
    for (u8 *to = (u8 *)0x8000, *from = trampoline; from < trampoline_end;) *to++ = *from++;
    out8(0x70, 0x5f);
    cpus = in8(0x71) + 1;
    LAPIC[SVR] = 0x1ff;
    if (cpus > 1) {
        LAPIC[ICR] = 0xc4500;
        for (u32 i = 0; i < 20000; i++) pause();
        LAPIC[ICR] = 0xc4608;
        while (online < cpus - 1) pause();
        // They run already: a second one must do nothing.
        LAPIC[ICR] = 0xc4608;
    }
    phase = 1;
    work(0);
    line("online", online);
    line("atomic", atomic_sum);
    line("locked", locked_sum);
    for (u32 i = 0; i < cpus; i++) {
        line("cpu", i);
        line("  ipis", ipis[i]);
        line("  timers", timers[i]);
        line("  nmis", nmis[i]);
        line("  answers", answers[i]);
    }
    text("SMP-END\r\n");
    asm volatile("outw %0, %1" ::"a"((u16)0x2000), "Nd"((u16)0x604));
}
