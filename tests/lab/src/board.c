/* Malta beyond its serial port: reset through the FPGA, power off through the PIIX4's power management. */
#include "lab.h"

void board_reset(void)
{
    *(volatile u32 *)0xbf000500 = 0x42; /* SOFTRES, GORESET */
    for (;;)
        __asm__ volatile("wait");
}

/* ---- PCI configuration through the GT-64120. Its own registers are little-endian; what lies behind it comes in the
 * processor's order, as the reset value of its byte-swap bit has it. ---- */

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define le16(x) __builtin_bswap16(x)
#define le32(x) __builtin_bswap32(x)
#else
#define le16(x) (x)
#define le32(x) (x)
#endif

static volatile u32 *const config_addr = (volatile u32 *)0xbbe00cf8, *const config_data = (volatile u32 *)0xbbe00cfc;

static u32 pci_read(u32 dev, u32 fn, u32 reg)
{
    *config_addr = le32(0x80000000u | dev << 11 | fn << 8 | reg);
    return *config_data;
}

static void pci_write(u32 dev, u32 fn, u32 reg, u32 value)
{
    *config_addr = le32(0x80000000u | dev << 11 | fn << 8 | reg);
    *config_data = value;
}

void board_poweroff(void)
{
    enum { DEV = 10, FN = 3, PMBASE = 0x40, PMREGMISC = 0x80, PORT = 0x1000, PMSTS = 0, PMCNTRL = 4 };
    if (pci_read(DEV, FN, 0) != 0x71138086) {
        print("no PIIX4 at 0a.3: %08x\n", pci_read(DEV, FN, 0));
        return;
    }
    pci_write(DEV, FN, PMBASE, PORT | 1);
    pci_write(DEV, FN, PMREGMISC, pci_read(DEV, FN, PMREGMISC) | 1);
    pci_write(DEV, FN, 4, pci_read(DEV, FN, 4) | 1);
    volatile u16 *io = (volatile u16 *)(0xb8000000 + PORT);
    io[PMSTS / 2] = le16(0x0100);   /* clear the power button */
    io[PMCNTRL / 2] = le16(0x2000); /* SUS_EN, SUS_TYP = 0: soft off */
    /* The PIIX4 waits for a stop-grant special cycle: device 31, function 7. */
    pci_write(31, 7, 0, 0x00120002);
    for (;;)
        __asm__ volatile("wait");
}
