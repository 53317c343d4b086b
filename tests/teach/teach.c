// A small kernel in the way of courses on operating systems: tables, paging, faults, user mode with two tasks that a timer preempts,
// system calls, virtual 8086 mode, a hardware task switch, keyboard and IDE disk by interrupts. What it prints is the same on every
// correct PC; lines that begin with `ide` need a disk.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum { KCODE = 0x08, KDATA = 0x10, UCODE = 0x1b, UDATA = 0x23, TSS = 0x28, DF_TSS = 0x30, SMALL = 0x38, ABSENT = 0x40 };

struct frame {
  u32 edi, esi, ebp, unused, ebx, edx, ecx, eax, ds, es, fs, gs, vector, error, eip, cs, eflags, esp, ss, ves, vds, vfs, vgs;
};
struct tss {
  u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt, io;
};

extern u8 vectors[], v86_code[], v86_end[], stack_top[];
void load_tables(void *gdtr, void *idtr);
void run_frame(struct frame *f);
void come_back(void) __attribute__((noreturn));
void double_fault(void);

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(p)); }
static inline void outw(u16 p, u16 v) { __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u16 inw(u16 p) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u32 cr2(void) { u32 v; __asm__ volatile("mov %%cr2, %0" : "=r"(v)); return v; }

// ---- output ----

static void put(char c) {
  while (!(inb(0x3fd) & 0x20)) {}
  outb(0x3f8, c);
}
static void say(const char *s) {
  for (; *s; s++) {
    if (*s == '\n') put('\r');
    put(*s);
  }
}
static void hex(u32 v, int digits) {
  while (digits--) put("0123456789abcdef"[v >> (4 * digits) & 15]);
}
// A line: words and numbers, `%` for eight hexadecimal digits.
static void print(const char *format, u32 a, u32 b, u32 c) {
  u32 values[] = {a, b, c}, n = 0;
  for (; *format; format++) {
    char one[2] = {*format, 0};
    if (*format == '%') hex(values[n++], 8);
    else say(one);
  }
}

// ---- tables ----

static volatile u32 gdt[18] __attribute__((aligned(8)));
static volatile u32 idt[2 * 129] __attribute__((aligned(8)));
struct tss tss;
static struct tss df_tss;
volatile u32 df_ran;
static u8 df_stack[1024];

static void descriptor(int selector, u32 base, u32 limit, u32 access, u32 flags) {
  gdt[selector / 8 * 2] = base << 16 | (limit & 0xffff);
  gdt[selector / 8 * 2 + 1] = (base & 0xff000000) | flags << 20 | (limit & 0xf0000) | access << 8 | (base >> 16 & 0xff);
}
static void gate(int n, u32 offset, u32 selector, u32 access) {
  idt[2 * n] = selector << 16 | (offset & 0xffff);
  idt[2 * n + 1] = (offset & 0xffff0000) | access << 8;
}
static void tables(void) {
  static struct { u16 limit; u32 base; } __attribute__((packed)) gdtr, idtr;
  descriptor(KCODE, 0, 0xfffff, 0x9a, 12);
  descriptor(KDATA, 0, 0xfffff, 0x92, 12);
  descriptor(UCODE, 0, 0xfffff, 0xfa, 12);
  descriptor(UDATA, 0, 0xfffff, 0xf2, 12);
  descriptor(TSS, (u32)&tss, sizeof tss - 1, 0x89, 0);
  descriptor(DF_TSS, (u32)&df_tss, sizeof df_tss - 1, 0x89, 0);
  descriptor(SMALL, 0x1000, 15, 0x92, 4);
  descriptor(ABSENT, 0, 0xfffff, 0x12, 12);
  tss.ss0 = KDATA;
  tss.io = sizeof tss << 16;
  df_tss = (struct tss){.eip = (u32)double_fault, .eflags = 2, .esp = (u32)df_stack + sizeof df_stack, .cs = KCODE,
                        .ss = KDATA, .ds = KDATA, .es = KDATA, .io = sizeof df_tss << 16};
  for (int n = 0; n < 129; n++) gate(n, (u32)vectors + 16 * n, KCODE, n == 3 || n == 128 ? 0xee : 0x8e);
  gdtr.limit = sizeof gdt - 1;
  gdtr.base = (u32)gdt;
  idtr.limit = sizeof idt - 1;
  idtr.base = (u32)idt;
  load_tables(&gdtr, &idtr);
}

// ---- paging ----

#define MAPPED 0x800000u // what is mapped one to one
#define WINDOW 0xc0000000u
static u32 directory[1024] __attribute__((aligned(4096)));
static u32 pages[2][1024] __attribute__((aligned(4096)));
static volatile u32 window[1024] __attribute__((aligned(4096)));
static volatile u8 frames[2][4096] __attribute__((aligned(4096)));

static void paging(void) {
  for (u32 i = 0; i < MAPPED / 4096; i++) pages[i / 1024][i % 1024] = i * 4096 | 7;
  for (int i = 0; i < 2; i++) directory[i] = (u32)pages[i] | 7;
  directory[WINDOW >> 22] = (u32)window | 7;
  df_tss.cr3 = tss.cr3 = (u32)directory;
  __asm__ volatile("mov %0, %%cr3" ::"r"(directory));
  u32 v;
  __asm__ volatile("mov %%cr0, %0\n or $0x80010000, %0\n mov %0, %%cr0" : "=r"(v)::"memory");
}
static void invlpg(u32 va) { __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory"); }

// ---- traps ----

static volatile u32 ticks, keys, key, disk_irqs;
static volatile u32 expect, seen, seen_error, seen_eip, skip;
static struct frame *task[2];
static volatile int current, running;
static volatile u32 progress[2] __attribute__((aligned(4096)));
static u32 switches;

static void fatal(struct frame *f) {
  print("TRAP % error % eip %", f->vector, f->error, f->eip);
  print(" cr2 %\nTEACH-FAILED\n", cr2(), 0, 0);
  outw(0x604, 0x2000);
  for (;;) __asm__ volatile("hlt");
}

struct frame *trap(struct frame *f);
struct frame *trap(struct frame *f) {
  u32 n = f->vector;
  if (n == 0x20) {
    ticks++;
    outb(0x20, 0x20);
    if (running && (f->cs & 3) == 3) {
      task[current] = f;
      current ^= 1;
      switches++;
      // Each task has a kernel stack of its own, on which its frame lies.
      tss.esp0 = (u32)task[current] + sizeof(struct frame) - 16;
      return task[current];
    }
    return f;
  }
  if (n == 0x21) {
    key = inb(0x60);
    keys++;
    outb(0x20, 0x20);
    return f;
  }
  if (n == 0x2e) {
    inb(0x1f7);
    disk_irqs++;
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
    return f;
  }
  if (n >= 0x20 && n < 0x30) {
    outb(0x20, 0x20);
    return f;
  }
  if (n == 128) {
    if (f->eax == 0) {
      running = 0;
      come_back();
    }
    if (f->eax == 1) print("user says %\n", f->ebx, 0, 0);
    f->eax += 1000;
    return f;
  }
  if (n == 13 && f->eflags & 0x20000) {
    u8 *at = (u8 *)((f->cs << 4) + f->eip);
    if (at[0] == 0xcd) {
      print("v86 int % ax % cs is base %\n", at[1], f->eax & 0xffff, f->ebx == f->cs);
      f->eip += 2;
      return f;
    }
    print("v86 ends at % with %\n", f->eip, at[0], 0);
    come_back();
  }
  if (expect == n || expect == 0x100) {
    seen = n;
    seen_error = f->error;
    seen_eip = f->eip;
    f->eip += skip;
    f->eflags &= ~0x100u;
    if (f->cs & 3) come_back();
    return f;
  }
  fatal(f);
  return f;
}

// An instruction of a known length that must raise `vector`; the kernel goes on behind it.
#define RAISES(n, name, length, ...)                                                          \
  do {                                                                                        \
    expect = n, seen = 0xff, seen_error = 0, skip = length;                                                   \
    __asm__ volatile(__VA_ARGS__);                                                            \
    expect = 0x1ff;                                                                           \
    print(name " raises % error %\n", seen, seen_error, 0);                                   \
  } while (0)

static void faults(void) {
  RAISES(6, "ud2", 2, "ud2");
  RAISES(0, "divide by zero", 2, "xor %%edx, %%edx\n xor %%ecx, %%ecx\n div %%ecx" ::: "eax", "ecx", "edx", "cc");
  RAISES(0, "divide overflow", 2, "mov $-1, %%edx\n mov $1, %%ecx\n div %%ecx" ::: "eax", "ecx", "edx", "cc");
  RAISES(3, "int3", 0, "int3");
  RAISES(4, "into", 0, "mov $0x7fffffff, %%eax\n inc %%eax\n into" ::: "eax", "cc");
  RAISES(5, "bound", 2, "mov $9, %%eax\n bound %%eax, (%0)" ::"c"((int[]){0, 8}) : "eax", "memory");
  RAISES(1, "trap flag", 0, "pushf\n orl $0x100, (%%esp)\n popf\n nop" ::: "cc", "memory");
  RAISES(13, "code as ldt", 3, "mov $0x08, %%eax\n lldt %%ax" ::: "eax");
  RAISES(13, "beyond a limit", 3, "mov $0x38, %%eax\n mov %%eax, %%fs\n mov %%fs:(%0), %%al" ::"c"(16) : "eax");
  RAISES(0x100, "inside a limit", 3, "mov $0x38, %%eax\n mov %%eax, %%fs\n mov %%fs:(%0), %%al" ::"c"(15) : "eax");
  RAISES(11, "absent segment", 2, "mov $0x40, %%eax\n mov %%eax, %%gs" ::: "eax");
  RAISES(13, "code as stack", 2, "mov $0x08, %%eax\n mov %%eax, %%ss" ::: "eax");
  RAISES(13, "beyond the gdt", 2, "mov $0x1000, %%eax\n mov %%eax, %%gs" ::: "eax");
  // A breakpoint of the debug registers: an instruction, then a write.
  u32 dr6;
  static volatile u32 watched;
  __asm__ volatile("mov %0, %%dr0\n mov %1, %%dr7" ::"r"(&watched), "r"(0xd0001));
  RAISES(1, "watchpoint", 0, "movl $5, (%0)" ::"r"(&watched) : "memory");
  __asm__ volatile("mov %%dr6, %0\n mov %1, %%dr7\n mov %1, %%dr6" : "=&r"(dr6) : "r"(0));
  print("dr6 % watched %\n", dr6 & 0xe00f, watched, 0);
  // A division by zero with its exception unmasked: #MF at the next waiting instruction.
  __asm__ volatile("mov %%cr0, %%eax\n or $0x22, %%eax\n and $~0xc, %%eax\n mov %%eax, %%cr0\n fninit" ::: "eax");
  static float zero;
  RAISES(16, "fwait", 1, "push $0x37b\n fldcw (%%esp)\n add $4, %%esp\n fld1\n fdivs %0\n fwait" ::"m"(zero) : "memory", "cc");
  __asm__ volatile("fnclex\n fninit");
  __asm__ volatile("mov %%cr0, %%eax\n or $8, %%eax\n mov %%eax, %%cr0" ::: "eax");
  RAISES(7, "fpu of another task", 2, "fld1");
  __asm__ volatile("clts");
}

static void page_faults(void) {
  volatile u32 *at = (u32 *)WINDOW;
  RAISES(14, "read of nothing", 2, "mov (%0), %%eax" ::"c"(at) : "eax");
  print("cr2 %\n", cr2(), 0, 0);
  RAISES(14, "write of nothing", 2, "mov %%eax, (%0)" ::"c"(at + 5));
  print("cr2 %\n", cr2(), 0, 0);
  window[0] = (u32)frames[0] | 1;
  RAISES(14, "write of read-only", 2, "mov %%eax, (%0)" ::"c"(at));
  print("entry has %\n", window[0] & 0x7f, 0, 0);
  (void)at[0];
  print("after a read %\n", window[0] & 0x7f, 0, 0);
  window[0] = (u32)frames[0] | 3;
  invlpg(WINDOW);
  at[1] = 0x1234;
  print("after a write %, frame %\n", window[0] & 0x7f, ((volatile u32 *)frames[0])[1], 0);
  // An access over the boundary of two pages that lie apart.
  window[1] = (u32)frames[1] | 3;
  *(volatile u32 *)(WINDOW + 4094) = 0xaabbccdd;
  print("across % %\n", *(volatile u16 *)(frames[0] + 4094), *(volatile u16 *)frames[1], 0);
  // Code that is written, run, and written again.
  volatile u8 *code = (u8 *)(WINDOW + 4096 + 64);
  u32 sum = 0;
  for (u32 i = 0; i < 300; i++) {
    code[0] = 0xb8, *(volatile u32 *)(code + 1) = i, code[5] = 0xc3;
    sum += ((u32(*)(void))code)();
  }
  print("rewritten code adds to %\n", sum, 0, 0);
  window[1] = 0;
  invlpg(WINDOW + 4096);
  RAISES(14, "read of what was there", 2, "mov (%0), %%eax" ::"c"(at + 1024) : "eax");
}

// ---- user mode ----

static u8 kernel_stacks[2][4096], user_stacks[2][4096];

static void user(int me) {
  u32 value;
  // The first task speaks first, whichever runs first.
  while (me && !progress[0]) {}
  __asm__ volatile("int $0x80" : "=a"(value) : "a"(1), "b"(0x111 * (me + 1)) : "memory");
  if (value != 1001) progress[me] = 1 << 30;
  // Nobody yields: only the timer lets the other one go on.
  u32 rounds = 0, last = progress[me ^ 1];
  while (rounds < 20) {
    progress[me]++;
    if (progress[me ^ 1] != last) last = progress[me ^ 1], rounds++;
  }
  static volatile int finished;
  if (__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST) == 2) __asm__ volatile("int $0x80" ::"a"(0), "b"(0));
  for (;;) progress[me]++;
}

static struct frame *user_frame(u8 *kernel_stack, u32 eip, u32 esp) {
  struct frame *f = (struct frame *)(kernel_stack + 4096 - sizeof *f + 16);
  for (u32 i = 0; i < sizeof *f / 4 - 4; i++) ((u32 *)f)[i] = 0;
  f->ds = f->es = f->ss = UDATA;
  f->cs = UCODE, f->eip = eip, f->esp = esp, f->eflags = 0x202;
  return f;
}

static void user_fault(const char *name, u32 n, void (*code)(void)) {
  struct frame *f = user_frame(kernel_stacks[0], (u32)code, (u32)user_stacks[0] + 4096);
  f->eflags = 2;
  tss.esp0 = (u32)kernel_stacks[0] + 4096;
  expect = n, seen = 0xff, skip = 0;
  run_frame(f);
  expect = 0x1ff;
  say(name);
  print(" in ring 3 raises % error %\n", seen, seen_error, 0);
}
static void user_cli(void) { __asm__ volatile("cli"); }
static void user_port(void) { outb(0x80, 0); }
static void user_kernel_page(void) { *(volatile u32 *)WINDOW = 1; }
static void user_gate(void) { __asm__ volatile("int $0x30"); }

static void user_mode(void) {
  user_fault("cli", 13, user_cli);
  user_fault("out", 13, user_port);
  user_fault("int 30h", 13, user_gate);
  user_fault("write of a kernel page", 14, user_kernel_page);
  for (int i = 0; i < 2; i++) {
    u32 *sp = (u32 *)(user_stacks[i] + 4096);
    *--sp = i;
    *--sp = 0;
    task[i] = user_frame(kernel_stacks[i], (u32)user, (u32)sp);
  }
  tss.esp0 = (u32)kernel_stacks[0] + 4096;
  running = 1;
  run_frame(task[0]);
  __asm__ volatile("cli");
  print("both tasks ran, preempted often: %\n", switches >= 30 && progress[0] < 1 << 30 && progress[1] < 1 << 30, 0, 0);
}

static void v86(void) {
  u8 *low = (u8 *)0x8000;
  for (u8 *p = v86_code; p < v86_end; p++) low[p - v86_code] = *p;
  struct frame *f = user_frame(kernel_stacks[0], 0, 0x1000);
  f->cs = 0x800, f->ss = 0x900, f->eflags = 0x20002;
  // Beyond what other frames have: the segments of virtual 8086 mode.
  struct frame *g = (struct frame *)((u8 *)f - 16);
  u32 *from = (u32 *)f, *to = (u32 *)g;
  for (u32 i = 0; i < sizeof *f / 4 - 4; i++) to[i] = from[i];
  g->ves = g->vds = g->vfs = g->vgs = 0;
  g->ds = g->es = KDATA;
  tss.esp0 = (u32)kernel_stacks[0] + 4096;
  run_frame(g);
}

// ---- devices ----

static void pic(void) {
  static const u8 init[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}, {0xa0, 0x11}, {0xa1, 0x28}, {0xa1, 2}, {0xa1, 1},
                               {0x21, 0xf8}, {0xa1, 0xbf}};
  for (u32 i = 0; i < sizeof init / 2; i++) outb(init[i][0], init[i][1]);
}
static void timer(void) {
  outb(0x43, 0x34);
  outb(0x40, 1193 & 0xff);
  outb(0x40, 1193 >> 8);
}
static void sleep(void) { __asm__ volatile("sti\n hlt\n cli"); }

static void keyboard_wait(u8 bit, u8 want) {
  while ((inb(0x64) & bit) != want) {}
}
static void keyboard(void) {
  // With interrupts off: what is left over goes.
  while (inb(0x64) & 1) inb(0x60);
  keyboard_wait(2, 0);
  outb(0x64, 0x60);
  keyboard_wait(2, 0);
  outb(0x60, 0x65); // interrupt, translation
  sleep();
  keys = 0;
  keyboard_wait(2, 0);
  outb(0x60, 0xee); // echo
  while (!keys) sleep();
  print("keyboard echoes %\n", key, 0, 0);
  keys = 0;
  keyboard_wait(2, 0);
  outb(0x64, 0xd2); // as if from the keyboard
  keyboard_wait(2, 0);
  outb(0x60, 0x1e);
  while (!keys) sleep();
  print("key %\n", key, 0, 0);
}

static int ide_wait(void) {
  for (int i = 0; i < 1000; i++) {
    u8 s = inb(0x3f6);
    if (s == 0xff || s == 0) return 0;
    if (!(s & 0x80)) return s & 0x40;
  }
  return 0;
}
static void ide_command(u32 sector, u8 command) {
  u32 before = disk_irqs;
  outb(0x1f6, 0xe0);
  outb(0x1f2, 1);
  outb(0x1f3, sector);
  outb(0x1f4, sector >> 8);
  outb(0x1f5, sector >> 16);
  outb(0x1f7, command);
  if (command == 0x30) {
    while (!(inb(0x3f6) & 8)) {}
    for (int i = 0; i < 256; i++) outw(0x1f0, 3 * i);
  }
  while (disk_irqs == before) sleep();
}
static u32 ide_sum(void) {
  u32 sum = 0;
  for (int i = 0; i < 256; i++) sum = sum * 31 + inw(0x1f0);
  return sum;
}
static void ide(void) {
  outb(0x1f6, 0xe0);
  if (!ide_wait()) {
    say("ide has no disk\n");
    return;
  }
  outb(0x3f6, 0);
  ide_command(3, 0x20);
  print("ide sector 3 adds to %\n", ide_sum(), 0, 0);
  ide_command(5, 0x30);
  ide_command(5, 0x20);
  print("ide sector 5, written, adds to %, interrupts %\n", ide_sum(), disk_irqs, 0);
}

// ---- all of it ----

static void started_by(u32 magic, u32 *info) {
  if (magic == 0x336ec578) {
    print("pvh, version %, command line ", info[1], 0, 0);
    say((const char *)info[6]);
    say("\n");
    u32 *module = (u32 *)info[4];
    if (info[3]) print("module of % bytes begins with %\n", module[2], *(u32 *)module[0], 0);
  } else {
    print("multiboot % has memory and a map: %\n", magic, (info[0] & 0x41) == 0x41, 0);
    // The kernel's own name comes first on some loaders.
    const char *line = (const char *)info[4], *last = line;
    for (; *line; line++) {
      if (*line == ' ') last = line + 1;
    }
    say("last word of the command line: ");
    say(last);
    say("\n");
    u32 *module = (u32 *)info[6];
    if (info[0] & 8 && info[5]) print("module of % bytes begins with %\n", module[1] - module[0], *(u32 *)module[0], 0);
    u32 usable = 0;
    for (u32 at = info[12]; at < info[12] + info[11]; at += *(u32 *)at + 4) {
      if (((u32 *)at)[5] == 1 && !((u32 *)at)[2] && ((u32 *)at)[1] == 0x100000) usable = ((u32 *)at)[3] >> 20;
    }
    print("30 MiB or more above the first: %\n", usable >= 30, 0, 0);
  }
}

void kernel(u32 magic, u32 *info);
void kernel(u32 magic, u32 *info) {
  say("TEACH-BEGIN\n");
  started_by(magic, info);
  tables();
  paging();
  say("tables and paging are on\n");
  expect = 0x1ff;
  faults();
  page_faults();
  // A double fault has a task of its own: a page fault with an absent handler's gate.
  gate(8, 0, DF_TSS, 0x85);
  idt[2 * 14 + 1] &= ~0x8000u;
  __asm__ volatile("mov (%0), %%al" ::"c"(WINDOW + 8192) : "eax");
  idt[2 * 14 + 1] |= 0x8000u;
  print("the task for double faults ran % times\n", df_ran, 0, 0);
  pic();
  timer();
  v86();
  while (ticks < 3) sleep();
  say("the timer ticks\n");
  user_mode();
  keyboard();
  ide();
  say("TEACH-END\n");
  outw(0x604, 0x2000);
  for (;;) __asm__ volatile("hlt");
}
