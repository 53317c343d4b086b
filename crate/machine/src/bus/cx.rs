//! The bus as a device sees it during a call.

use core::fmt;

use tinamou_core::{
    BlockId, BlockRequest, DevCx, Gpa, IsaDma, MachineRequest, News, Ns, RequestId, Sound,
};

use super::Bus;

pub(super) struct Cx<'a> {
    pub bus: &'a mut Bus,
    pub dev: usize,
}

/// The device and its own function number at a place of the PCI bus.
pub(super) fn pci_target(bus: &Bus, devfn: u8) -> Option<(usize, u8)> {
    let place = bus.pci.iter().find(|p| p.0 == devfn);
    place.map(|p| (p.1, p.2))
}

impl DevCx for Cx<'_> {
    fn now(&self) -> Ns {
        self.bus.now
    }

    fn cpu(&self) -> u32 {
        self.bus.cpu
    }

    fn set_irq(&mut self, pin: u32, level: bool) {
        let Some(bit) = 1u64.checked_shl(pin) else {
            return;
        };
        let levels = &mut self.bus.out_levels[self.dev];
        if (*levels & bit != 0) != level {
            *levels ^= bit;
            self.bus.irq_queue.push_back((self.dev, pin, level));
        }
    }

    fn set_timer(&mut self, id: u32, deadline: Option<Ns>) {
        self.bus.set_timer(self.dev, id, deadline);
    }

    fn message(&mut self, at: u64, data: u32) {
        // The processors' range (SDM volume 3A, "Message Signalled Interrupts").
        let place = self.bus.messages.filter(|_| at >> 20 == 0xfee);
        let Some((dev, region)) = place else {
            return self.guest_error(format_args!("interrupt message to {at:#x}"));
        };
        let at = at & 0xf_ffff;
        self.bus
            .with_dev(dev, |d, cx| d.write(cx, region, at, 4, data.into()));
    }

    fn dma_read(&mut self, at: Gpa, buf: &mut [u8]) -> bool {
        self.bus.read_memory(at, buf)
    }

    fn dma_write(&mut self, at: Gpa, data: &[u8]) -> bool {
        self.bus.write_memory(at, data)
    }

    fn block_read(&mut self, block: BlockId, offset: u64, buf: &mut [u8]) -> bool {
        self.bus.block_read(block, offset, buf)
    }

    fn block_write(&mut self, block: BlockId, offset: u64, data: &[u8]) -> bool {
        self.bus.block_write(block, offset, data)
    }

    fn guest_error(&mut self, what: fmt::Arguments<'_>) {
        let name = self.bus.board.devices[self.dev].name;
        self.bus.note_guest_error(|| format!("{name}: {what}"));
    }

    fn request_remap(&mut self) {
        self.bus.remap = true;
    }

    fn request(&mut self, what: MachineRequest) {
        self.bus.request = Some(what);
        self.bus.attention = true;
    }

    fn request_exit(&mut self, code: u32) {
        self.bus.exit_code = Some(code);
        self.request(MachineRequest::Shutdown);
    }

    fn tell(&mut self, news: News) {
        self.bus.tell(news);
    }

    fn sound(&mut self, sound: Sound, then: Option<(Ns, Sound)>) {
        let now = self.bus.now;
        self.bus.speaker.put(now, sound, then);
    }

    fn console_out(&mut self, port: u32, bytes: &[u8]) {
        if let Some(c) = self.bus.console_out.get_mut(port as usize) {
            c.extend_from_slice(bytes);
        }
    }

    fn console_in(&mut self, port: u32) -> Option<u8> {
        self.bus.console_in.get_mut(port as usize)?.pop_front()
    }

    fn block_info(&self, slot: u32) -> Option<(u64, bool)> {
        let d = self.bus.disks.get(slot as usize)?.as_ref()?;
        Some((d.sectors(), d.read_only()))
    }

    fn block_submit(&mut self, slot: u32, request: BlockRequest, after: Ns) -> RequestId {
        self.bus.submit(self.dev, slot, request, after)
    }

    fn net_out(&mut self, port: u32, frame: &[u8]) {
        self.bus.net_output(port, frame);
    }

    fn pci_read(&mut self, devfn: u8, reg: u8, size: u32) -> u32 {
        let Some((dev, func)) = pci_target(self.bus, devfn) else {
            return u32::MAX;
        };
        self.bus
            .with_dev(dev, |d, cx| d.pci_read(cx, func, reg, size))
            .unwrap_or(u32::MAX)
    }

    fn pci_write(&mut self, devfn: u8, reg: u8, size: u32, value: u32) {
        if let Some((dev, func)) = pci_target(self.bus, devfn) {
            self.bus
                .with_dev(dev, |d, cx| d.pci_write(cx, func, reg, size, value));
        }
    }

    fn int_ack(&mut self) -> u8 {
        let Some(i) = self.bus.pic else { return 0xff };
        self.bus.with_dev(i, |d, cx| d.int_ack(cx)).unwrap_or(0xff)
    }

    fn isa_dma(&mut self, channel: u32, to_memory: bool, buf: &mut [u8]) -> IsaDma {
        let Some(i) = self.bus.dma else {
            return IsaDma::default();
        };
        self.bus
            .with_dev(i, |d, cx| d.isa_dma(cx, channel, to_memory, buf))
            .unwrap_or_default()
    }
}
