/* The serial console: a 16550 at ISA I/O 0x3f8. Output is polled, input waits for its interrupt (8259, IRQ 4). Printing, line
 * editing, numbers. */
#include "lab.h"

#define UART ((volatile u8 *)0xb80003f8)
#define PIC_MASTER ((volatile u8 *)0xb8000020)
#define PIC_SLAVE ((volatile u8 *)0xb80000a0)
/* Reading this register of the GT-64120 runs an interrupt acknowledge cycle. */
#define IACK ((volatile u32 *)0xbbe00c34)
enum { RBR = 0, THR = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, LSR_DR = 1, LSR_THRE = 0x20 };

void console_init(void)
{
    UART[IER] = 0;
    UART[LCR] = 0x80; /* divisor latch: 115200 baud */
    UART[0] = 1;
    UART[1] = 0;
    UART[LCR] = 3; /* 8n1 */
    UART[FCR] = 1;
    UART[MCR] = 0xb; /* DTR, RTS, and OUT2, which lets the interrupt out */

    /* Both controllers: edges, vectors 0x20 and 0x28, 8086 mode; only the UART's line is open. */
    PIC_MASTER[0] = 0x11;
    PIC_MASTER[1] = 0x20;
    PIC_MASTER[1] = 4;
    PIC_MASTER[1] = 1;
    PIC_SLAVE[0] = 0x11;
    PIC_SLAVE[1] = 0x28;
    PIC_SLAVE[1] = 2;
    PIC_SLAVE[1] = 1;
    PIC_SLAVE[1] = 0xff;
    PIC_MASTER[1] = (u8)~(1 << 4);
}

void console_put(char c)
{
    if (c == '\n')
        console_put('\r');
    while (!(UART[LSR] & LSR_THRE))
        ;
    UART[THR] = c;
}

/* trap() calls this for an interrupt of the 8259 pair: one byte is enough news, console_get() asks for the next. */
void console_interrupt(void)
{
    UART[IER] = 0;
    (void)*IACK;
    PIC_MASTER[0] = 0x20; /* end of interrupt */
}

int console_get(void)
{
    while (!(UART[LSR] & LSR_DR)) {
        UART[IER] = 1; /* data available */
        sleep(STATUS_IM2);
        UART[IER] = 0;
    }
    return UART[RBR];
}

static void print_number(u32 n, u32 base, int width)
{
    char buf[12];
    int i = 0;
    do {
        buf[i++] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    while (i < width)
        buf[i++] = '0';
    while (i--)
        console_put(buf[i]);
}

void print(const char *f, ...)
{
    __builtin_va_list args;
    __builtin_va_start(args, f);
    for (; *f; f++) {
        int width = 0;
        if (*f != '%') {
            console_put(*f);
            continue;
        }
        for (f++; *f >= '0' && *f <= '9'; f++)
            width = width * 10 + *f - '0';
        if (*f == 's') {
            for (const char *s = __builtin_va_arg(args, const char *); *s; s++)
                console_put(*s);
        } else if (*f == 'c') {
            console_put(__builtin_va_arg(args, int));
        } else if (*f == 'd') {
            int n = __builtin_va_arg(args, int);
            if (n < 0)
                console_put('-');
            print_number(n < 0 ? -(u32)n : (u32)n, 10, width);
        } else if (*f == 'u' || *f == 'x') {
            print_number(__builtin_va_arg(args, u32), *f == 'u' ? 10 : 16, width);
        } else {
            console_put(*f);
        }
    }
    __builtin_va_end(args);
}

int read_line(char *buf, int size)
{
    int n = 0;
    for (;;) {
        int c = console_get();
        if (c == '\r' || c == '\n') {
            print("\n");
            buf[n] = 0;
            return n;
        }
        if ((c == '\b' || c == 0x7f) && n > 0) {
            n--;
            print("\b \b");
        } else if (c == 3 || c == 21) { /* ^C, ^U: start over */
            for (; n > 0; n--)
                print("\b \b");
        } else if (c >= ' ' && c < 0x7f && n < size - 1) {
            buf[n++] = c;
            console_put(c);
        }
    }
}

u32 parse_number(const char *s)
{
    u32 n = 0, base = 10;
    if (s[0] == '0' && (s[1] | 32) == 'x') {
        base = 16;
        s += 2;
    }
    for (;; s++) {
        u32 d = *s >= '0' && *s <= '9' ? *s - '0' : (*s | 32) >= 'a' && (*s | 32) <= 'f' ? (*s | 32) - 'a' + 10 : 99;
        if (d >= base)
            return n;
        n = n * base + d;
    }
}

int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}
