//! The list of commands and events. Everything said about them elsewhere (dispatch, `query-commands`, `query-qmp-schema`, the
//! reference page, the page's types) comes from here.

use crate::hmp;
use crate::qmp::{
    block, chardev, debug, dump, human, input, life, machine, memory, migration, net, nodes,
    objects, plug, protocol, qom, screen, setup,
};
use crate::schema::Type::{Any, Bool, Enum, Int, List, Object, Str, U64};
use crate::schema::{Command, Event, cmd, event, opt, req};
use crate::types::*;

/// All commands.
pub static COMMANDS: &[Command] = &[
    // The protocol itself.
    cmd("qmp_capabilities", protocol::capabilities)
        .args(&[opt("enable", List(&Enum(&CAPABILITY)))])
        .since("0.13")
        .preconfig()
        .doc("Ends the negotiation; every session begins with it.")
        .errors("CommandNotFound when the negotiation is over."),
    cmd("query-version", protocol::version)
        .returns(Object(&VERSION_INFO))
        .since("0.14")
        .preconfig()
        .doc("The version of QEMU whose protocol this is, and as `package` our own."),
    cmd("query-commands", protocol::commands)
        .returns(List(&Object(&COMMAND_INFO)))
        .since("0.14")
        .preconfig()
        .doc("The commands' names."),
    cmd("query-qmp-schema", protocol::schema)
        .returns(List(&Object(&SCHEMA_INFO)))
        .since("2.5")
        .preconfig()
        .doc("Commands, events and types as data."),
    cmd("human-monitor-command", human::run)
        .args(&[req("command-line", Str), opt("cpu-index", Int)])
        .returns(Str)
        .since("0.14")
        .doc("Runs a line of the monitor for people and returns what it says.")
        .errors("A wrong CPU number; what is wrong with the line comes in the text."),
    // The life of the machine.
    cmd("query-status", life::status)
        .returns(Object(&STATUS_INFO))
        .since("0.14")
        .preconfig()
        .doc("Whether the machine runs and, if not, why."),
    cmd("x-exit-preconfig", life::exit_preconfig)
        .since("3.0")
        .preconfig()
        .features(&["unstable"])
        .doc("Makes the machine and, without `-S`, starts it. RESUME comes when it runs.")
        .errors("The machine is there already; it cannot be made as configured (then it is still preconfig, where QEMU exits)."),
    cmd("stop", life::stop)
        .since("0.14")
        .doc("Stops the machine. STOP comes if it ran."),
    cmd("cont", life::cont)
        .since("0.14")
        .doc("Lets the machine run. RESUME comes if it did not.")
        .errors("It is off and must be reset first."),
    cmd("system_reset", life::reset)
        .since("0.14")
        .doc("The reset button. RESET comes, or SHUTDOWN where a reset ends the machine."),
    cmd("system_powerdown", life::powerdown)
        .since("0.14")
        .doc("The power button. POWERDOWN comes; what the guest does is its own affair."),
    cmd("system_wakeup", life::wakeup)
        .since("1.1")
        .doc("Wakes a suspended machine.")
        .errors("It is not suspended: no board of ours can be."),
    cmd("inject-nmi", life::nmi)
        .since("0.14")
        .doc("A non-maskable interrupt.")
        .errors("Malta has none."),
    cmd("quit", life::quit)
        .since("0.14")
        .preconfig()
        .doc("Ends the emulator. SHUTDOWN comes first."),
    cmd("set-action", life::set_action)
        .args(&[
            opt("reboot", Enum(&REBOOT_ACTION)),
            opt("shutdown", Enum(&SHUTDOWN_ACTION)),
            opt("panic", Enum(&PANIC_ACTION)),
            opt("watchdog", Enum(&WATCHDOG_ACTION)),
        ])
        .since("6.0")
        .preconfig()
        .doc("What happens at a reset or power-off of the guest. Nothing of ours panics or has a watchdog."),
    cmd("watchdog-set-action", life::watchdog)
        .args(&[req("action", Enum(&WATCHDOG_ACTION))])
        .since("2.11")
        .doc("What a watchdog does; no board of ours has one."),
    // Its state, to and from elsewhere.
    cmd("migrate", migration::migrate)
        .args(&[
            req("uri", Str),
            opt("blk", Bool),
            opt("inc", Bool),
            opt("detach", Bool),
            opt("resume", Bool),
        ])
        .since("0.14")
        .doc("Stops the machine and saves it, with what its disks hold beside images that are only read, to `file:PATH`, or into the input of `exec:COMMAND` (natively; it may take a minute); the run state is then postmigrate. It is done in one go after the answer: STOP comes if the machine ran, and MIGRATION if the capability `events` is set.")
        .errors("The place is of no such kind; the machine waits for its own state or was saved already."),
    cmd("migrate-incoming", migration::incoming)
        .args(&[req("uri", Str)])
        .since("2.3")
        .doc("Loads the machine's state from such a place, after the answer. It runs on if it ran when it was saved, unless `-S` was given. A state that is refused leaves the machine waiting.")
        .errors("The machine does not wait (`-incoming`); the place is of no such kind."),
    cmd("migrate_cancel", migration::cancel)
        .since("0.14")
        .doc("Cancels a migration; as each is done in one go, there never is one."),
    cmd("query-migrate", migration::query)
        .returns(Object(&MIGRATION_INFO))
        .since("0.14")
        .doc("How the last migration went; nothing if there was none."),
    cmd("query-migrate-capabilities", migration::capabilities)
        .returns(List(&Object(&MIGRATION_CAPABILITY_STATUS)))
        .since("1.2")
        .doc("The capabilities; but for `events`, none can be set."),
    cmd("migrate-set-capabilities", migration::set_capabilities)
        .args(&[req("capabilities", List(&Object(&MIGRATION_CAPABILITY_STATUS)))])
        .since("1.2")
        .doc("Sets capabilities.")
        .errors("It is another one than `events`."),
    cmd("x-snapshot-save", migration::save)
        .args(&[req("file", Str)])
        .doc("Saves the machine to a file, as `migrate` does, before the answer; then it goes on, if it ran.")
        .errors("The file cannot be written; a drive cannot be saved; the machine waits for its own state."),
    cmd("x-snapshot-load", migration::load)
        .args(&[req("file", Str)])
        .doc("The machine becomes the one of a file that `migrate` or `x-snapshot-save` wrote, before the answer. It runs then if it runs now.")
        .errors("The file cannot be read, is damaged, or is of another machine; the machine is then as it was."),
    cmd("snapshot-save", migration::job_save)
        .args(&[req("job-id", Str), req("tag", Str), req("vmstate", Str), req("devices", List(&Str))])
        .since("6.0")
        .doc("Makes a snapshot of these drives inside their images, with the machine's state in the one of `vmstate`, as a job that is done in one go after the answer. A machine that runs stands still meanwhile.")
        .errors("The job's name is none or taken; what else is wrong the job says."),
    cmd("snapshot-load", migration::job_load)
        .args(&[req("job-id", Str), req("tag", Str), req("vmstate", Str), req("devices", List(&Str))])
        .since("6.0")
        .doc("Goes back to such a snapshot.")
        .errors("As `snapshot-save`."),
    cmd("snapshot-delete", migration::job_delete)
        .args(&[req("job-id", Str), req("tag", Str), req("devices", List(&Str))])
        .since("6.0")
        .doc("Removes such a snapshot.")
        .errors("As `snapshot-save`."),
    cmd("query-jobs", migration::jobs)
        .returns(List(&Object(&JOB_INFO)))
        .since("3.0")
        .doc("The jobs that were not dismissed, the latest first."),
    cmd("job-dismiss", migration::job_dismiss)
        .args(&[req("id", Str)])
        .since("3.0")
        .doc("Forgets a job that is over.")
        .errors("There is no such job."),
    cmd("job-cancel", migration::job_cancel)
        .args(&[req("id", Str)])
        .since("3.0")
        .doc("Ends a job; as each is done in one go, there never is one to end.")
        .errors("There is no such job, or it is over."),
    // What the machine is made of.
    cmd("x-machine-options", setup::options)
        .returns(List(&Object(&SETUP_OPTION)))
        .preconfig()
        .doc("Every option of the machine's making, with its kind, choices, default and value."),
    cmd("x-machine-set", setup::set)
        .args(&[req("name", Str), req("value", Any)])
        .preconfig()
        .doc("Changes one of these options; null takes a value away.")
        .errors("The machine is there already; no such option; not such a value."),
    cmd("set-numa-node", machine::set_numa_node)
        .takes(NUMA_OPTIONS)
        .since("3.0")
        .preconfig()
        .doc("A NUMA setting.")
        .errors("The machine is there already; no board of ours knows NUMA."),
    cmd("query-hotpluggable-cpus", machine::hotpluggable_cpus)
        .returns(List(&Object(&HOTPLUGGABLE_CPU)))
        .since("2.7")
        .preconfig()
        .doc("CPUs and places for them: on the PC the one that is there.")
        .errors("Malta has none."),
    cmd("query-machines", machine::machines)
        .returns(List(&Object(&MACHINE_INFO)))
        .since("1.2")
        .doc("The boards."),
    cmd("query-current-machine", machine::current)
        .returns(Object(&CURRENT_MACHINE))
        .since("4.0")
        .doc("What this machine can do."),
    cmd("query-cpu-definitions", machine::cpu_definitions)
        .returns(List(&Object(&CPU_DEFINITION)))
        .since("1.2")
        .doc("The CPU models."),
    cmd("query-cpus-fast", machine::cpus)
        .returns(List(&Object(&CPU_INFO)))
        .since("2.12")
        .doc("The vCPUs."),
    cmd("query-target", machine::target)
        .returns(Object(&TARGET_INFO))
        .since("1.2")
        .doc("The emulated architecture."),
    cmd("query-kvm", machine::kvm)
        .returns(Object(&KVM_INFO))
        .since("0.14")
        .doc("Whether KVM runs the guest: never."),
    cmd("query-name", machine::name)
        .returns(Object(&NAME_INFO))
        .since("0.14")
        .preconfig()
        .doc("The machine's name, if it has one (`-name`)."),
    cmd("query-uuid", machine::uuid)
        .returns(Object(&UUID_INFO))
        .since("0.14")
        .preconfig()
        .doc("The machine's UUID (`-uuid`)."),
    cmd("query-command-line-options", machine::command_line_options)
        .args(&[opt("option", Str)])
        .returns(List(&Object(&OPT_INFO)))
        .since("1.5")
        .preconfig()
        .doc("Command-line options that take a list of parameters.")
        .errors("No such option."),
    cmd("query-replay", machine::replay)
        .returns(Object(&REPLAY_INFO))
        .since("5.2")
        .doc("Whether a run is recorded or replayed: neither."),
    cmd("query-pci", machine::pci)
        .returns(List(&Object(&PCI_INFO)))
        .since("0.14")
        .doc("The devices of the PCI bus, as their configuration registers say at present."),
    cmd("query-vm-generation-id", machine::generation_id)
        .returns(Object(&GUID_INFO))
        .since("2.9")
        .doc("The machine's generation.")
        .errors("No board of ours has such a device."),
    // Memory.
    cmd("query-memory-size-summary", memory::summary)
        .returns(Object(&MEMORY_INFO))
        .since("2.11")
        .doc("How much memory there is."),
    cmd("query-memdev", memory::memdev)
        .returns(List(&Object(&MEMDEV)))
        .since("2.1")
        .preconfig()
        .doc("The memory backends."),
    cmd("memsave", memory::memsave)
        .args(&[
            req("val", U64),
            req("size", U64),
            req("filename", Str),
            opt("cpu-index", Int),
        ])
        .since("0.14")
        .doc("Writes guest memory at a virtual address into a file of the host.")
        .errors("An address that is not mapped; a wrong CPU number; the file."),
    cmd("pmemsave", memory::pmemsave)
        .args(&[req("val", U64), req("size", U64), req("filename", Str)])
        .since("0.14")
        .doc("Writes guest memory at a physical address into a file of the host. What is no memory reads as zeros.")
        .errors("The file."),
    cmd("dump-guest-memory", dump::dump)
        .args(&[
            req("paging", Bool),
            req("protocol", Str),
            opt("detach", Bool),
            opt("begin", Int),
            opt("length", Int),
            opt("format", Enum(&DUMP_FORMAT)),
        ])
        .since("1.2")
        .doc("Writes memory and registers as an ELF core file (`file:PATH`), which gdb and crash read. DUMP_COMPLETED comes. `paging` and `detach` change nothing.")
        .errors("The CPU is no x86; another format than elf; the place; begin without length; the file."),
    cmd("query-dump", dump::query)
        .returns(Object(&DUMP_RESULT))
        .since("2.6")
        .doc("How the last dump went."),
    cmd("query-dump-guest-memory-capability", dump::capability)
        .returns(Object(&DUMP_CAPABILITY))
        .since("2.0")
        .doc("The formats of dumps."),
    cmd("balloon", memory::balloon)
        .args(&[req("value", Int)])
        .since("0.14")
        .doc("Asks the guest for memory.")
        .errors("DeviceNotActive: there is no balloon."),
    cmd("query-balloon", memory::query_balloon)
        .returns(Object(&BALLOON_INFO))
        .since("0.14")
        .doc("How much memory the guest has given.")
        .errors("DeviceNotActive: there is no balloon."),
    // Objects.
    cmd("qom-list", qom::list)
        .args(&[req("path", Str)])
        .returns(List(&Object(&OBJECT_PROPERTY)))
        .since("1.2")
        .preconfig()
        .doc("The properties and children of an object. The tree is the board's own: `/machine/unattached` has its devices.")
        .errors("DeviceNotFound."),
    cmd("qom-get", qom::get)
        .args(&[req("path", Str), req("property", Str)])
        .returns(Any)
        .since("1.2")
        .preconfig()
        .doc("A property's value.")
        .errors("DeviceNotFound; no such property."),
    cmd("qom-set", qom::set)
        .args(&[req("path", Str), req("property", Str), req("value", Any)])
        .since("1.2")
        .preconfig()
        .doc("Sets a property. Those of `/machine` can be set in preconfig.")
        .errors("DeviceNotFound; no such property; it cannot be written."),
    cmd("qom-list-types", qom::list_types)
        .args(&[opt("implements", Str), opt("abstract", Bool)])
        .returns(List(&Object(&OBJECT_TYPE_INFO)))
        .since("1.2")
        .preconfig()
        .doc("The types of objects."),
    cmd("qom-list-properties", qom::list_properties)
        .args(&[req("typename", Str)])
        .returns(List(&Object(&OBJECT_PROPERTY)))
        .since("2.12")
        .preconfig()
        .doc("The properties of a type.")
        .errors("DeviceNotFound."),
    cmd("device-list-properties", qom::device_properties)
        .args(&[req("typename", Str)])
        .returns(List(&Object(&OBJECT_PROPERTY)))
        .since("1.2")
        .doc("The properties of a type of devices.")
        .errors("DeviceNotFound; it is no device."),
    cmd("object-add", objects::add)
        .takes(OBJECT_OPTIONS)
        .since("2.0")
        .preconfig()
        .doc("Makes an object.")
        .errors("The id is taken or no identifier."),
    cmd("object-del", objects::del)
        .args(&[req("id", Str)])
        .since("2.0")
        .preconfig()
        .doc("Removes an object.")
        .errors("There is none."),
    cmd("query-iothreads", objects::iothreads)
        .returns(List(&Object(&IOTHREAD_INFO)))
        .since("2.0")
        .preconfig()
        .doc("The objects of type iothread. They are there and do nothing."),
    cmd("device_add", plug::add)
        .args(&[req("driver", Str), opt("bus", Str), opt("id", Str)])
        .since("0.13")
        .loose()
        .doc("Plugs a card into the PCI bus: e1000, rtl8139, ne2k_pci, pcnet, virtio-net-pci, virtio-blk-pci, virtio-rng-pci or virtio-balloon-pci, with the properties addr, mac, netdev, drive, rng.")
        .errors("No such model; it cannot be plugged; no such property, bus, drive; no place."),
    cmd("device_del", plug::del)
        .args(&[req("id", Str)])
        .since("0.14")
        .doc("Unplugs a card. DEVICE_DELETED comes: on Malta at once, on the PC when the guest lets go of it or at the next reset.")
        .errors("DeviceNotFound; it is on its way out already; it is no such device."),
    cmd("netdev_add", net::add)
        .takes(NETDEV)
        .since("0.14")
        .preconfig()
        .doc("Makes a network back end: a port of a hub, for cards of this machine.")
        .errors("The id is taken or no identifier; another kind than hubport."),
    cmd("netdev_del", net::del)
        .args(&[req("id", Str)])
        .since("0.14")
        .preconfig()
        .doc("Removes one.")
        .errors("DeviceNotFound."),
    // Drives.
    cmd("query-block", block::query)
        .returns(List(&Object(&BLOCK_INFO)))
        .since("0.14")
        .preconfig()
        .doc("The drives and what is in them."),
    cmd("query-blockstats", block::stats)
        .args(&[opt("query-nodes", Bool)])
        .returns(List(&Object(&BLOCK_STATS)))
        .since("0.14")
        .preconfig()
        .doc("What the drives have done. Times are not measured: they are 0."),
    cmd("query-named-block-nodes", block::nodes)
        .args(&[opt("flat", Bool)])
        .returns(List(&Object(&BLOCK_DEVICE_INFO)))
        .since("2.0")
        .preconfig()
        .doc("The images in the drives."),
    cmd("blockdev-add", nodes::add)
        .args(&[
            req("driver", Enum(&BLOCK_DRIVER)),
            opt("node-name", Str),
            opt("read-only", Bool),
        ])
        .since("2.9")
        .loose()
        .preconfig()
        .doc("Opens an image by name: `file` with a filename, `raw` or `qcow2` over a file (options or the name of a node), `null-co` with a size.")
        .errors("No such driver or option; the name is taken or no identifier; the file."),
    cmd("blockdev-del", nodes::del)
        .args(&[req("node-name", Str)])
        .since("2.9")
        .preconfig()
        .doc("Closes it.")
        .errors("There is none; it is in use."),
    cmd("blockdev-insert-medium", nodes::insert)
        .args(&[req("id", Str), req("node-name", Str)])
        .since("2.12")
        .doc("Puts such an image into a drive that is empty and open.")
        .errors("DeviceNotFound; the drive is not removable, closed or full; no such node, or it is in use."),
    cmd("block_resize", nodes::resize)
        .args(&[opt("device", Str), opt("node-name", Str), req("size", Int)])
        .since("0.14")
        .preconfig()
        .doc("Changes the size of what is in a drive, in bytes. The guest finds it at its next look.")
        .errors("No such drive or node; nothing in it; the format, or the file."),
    cmd("blockdev-change-medium", block::change)
        .args(&[
            opt("device", Str),
            opt("id", Str),
            req("filename", Str),
            opt("format", Str),
            opt("force", Bool),
            opt("read-only-mode", Enum(&READ_ONLY_MODE)),
        ])
        .since("2.5")
        .doc("Opens an image and puts it into a drive. DEVICE_TRAY_MOVED comes if the tray was open.")
        .errors("DeviceNotFound; the drive is not removable; the file."),
    cmd("eject", block::eject)
        .args(&[opt("device", Str), opt("id", Str), opt("force", Bool)])
        .since("0.14")
        .doc("Opens a drive's tray and takes out what is in it. DEVICE_TRAY_MOVED comes.")
        .errors("DeviceNotFound; the drive is not removable."),
    cmd("blockdev-open-tray", block::open_tray)
        .args(&[opt("device", Str), opt("id", Str), opt("force", Bool)])
        .since("2.5")
        .doc("Opens a drive's tray. DEVICE_TRAY_MOVED comes. The guest finds the drive empty until it is closed.")
        .errors("DeviceNotFound; the drive is not removable."),
    cmd("blockdev-close-tray", block::close_tray)
        .args(&[opt("device", Str), opt("id", Str)])
        .since("2.5")
        .doc("Closes a drive's tray. DEVICE_TRAY_MOVED comes.")
        .errors("DeviceNotFound; the drive is not removable."),
    cmd("blockdev-remove-medium", block::remove_medium)
        .args(&[req("id", Str)])
        .since("2.12")
        .doc("Takes out what is in a drive whose tray is open.")
        .errors("DeviceNotFound; the tray is closed."),
    // Character devices.
    cmd("query-chardev", chardev::query)
        .returns(List(&Object(&CHARDEV_INFO)))
        .since("0.14")
        .preconfig()
        .doc("The character devices."),
    cmd("query-chardev-backends", chardev::backends)
        .returns(List(&Object(&CHARDEV_BACKEND_INFO)))
        .since("2.0")
        .doc("The kinds of character devices."),
    cmd("chardev-add", chardev::add)
        .args(&[req("id", Str), req("backend", Object(&CHARDEV_BACKEND))])
        .returns(Object(&CHARDEV_RETURN))
        .since("1.4")
        .doc("Makes a character device.")
        .errors("The id is taken; what the host says."),
    cmd("chardev-remove", chardev::remove)
        .args(&[req("id", Str)])
        .since("1.4")
        .doc("Removes a character device.")
        .errors("There is none; it is in use."),
    cmd("chardev-change", chardev::change)
        .args(&[req("id", Str), req("backend", Object(&CHARDEV_BACKEND))])
        .returns(Object(&CHARDEV_RETURN))
        .since("2.10")
        .doc("Leads a character device elsewhere; whoever uses it goes on.")
        .errors("There is none; what the host says: it is as it was then."),
    cmd("chardev-send-break", chardev::send_break)
        .args(&[req("id", Str)])
        .since("2.10")
        .doc("Sends a break to whoever uses a character device. No serial port of ours notices.")
        .errors("There is none."),
    cmd("ringbuf-write", chardev::ringbuf_write)
        .args(&[
            req("device", Str),
            req("data", Str),
            opt("format", Enum(&DATA_FORMAT)),
        ])
        .since("1.4")
        .doc("Writes into a ring buffer.")
        .errors("There is none; the data are not base64."),
    cmd("ringbuf-read", chardev::ringbuf_read)
        .args(&[
            req("device", Str),
            req("size", Int),
            opt("format", Enum(&DATA_FORMAT)),
        ])
        .returns(Str)
        .since("1.4")
        .doc("Takes bytes out of a ring buffer.")
        .errors("There is none; the size is not above zero."),
    cmd("query-yank", chardev::query_yank)
        .returns(List(&Object(&YANK_INSTANCE)))
        .since("6.0")
        .oob()
        .doc("Things whose network connection could hang: none of ours can."),
    cmd("yank", chardev::yank)
        .args(&[req("instances", List(&Object(&YANK_INSTANCE)))])
        .since("6.0")
        .oob()
        .doc("Tears such connections down.")
        .errors("DeviceNotFound."),
    // Keyboard, mouse, display.
    cmd("send-key", input::send_key)
        .args(&[req("keys", List(&Object(&KEY_VALUE))), opt("hold-time", Int)])
        .since("1.3")
        .doc("Presses keys and lets them go, at once: `hold-time` is not waited for, the keyboard sends in order. The PC has a keyboard; on Malta keys are lost."),
    cmd("input-send-event", input::send_event)
        .args(&[
            opt("device", Str),
            opt("head", Int),
            req("events", List(&Object(&INPUT_EVENT))),
        ])
        .since("2.6")
        .doc("Keys, buttons and movements. Nothing takes absolute places.")
        .errors("The machine does not run; DeviceNotFound: displays have no names."),
    cmd("screendump", screen::dump)
        .args(&[
            req("filename", Str),
            opt("device", Str),
            opt("head", Int),
            opt("format", Enum(&IMAGE_FORMAT)),
        ])
        .since("0.14")
        .doc("Writes the display's picture into a file of the host.")
        .errors("There is no display; DeviceNotFound; the file."),
    cmd("query-mice", input::mice)
        .returns(List(&Object(&MOUSE_INFO)))
        .since("0.14")
        .doc("The mice: the PC has one, PS/2."),
    cmd("query-display-options", input::display)
        .returns(Object(&DISPLAY_OPTIONS))
        .since("3.1")
        .doc("The display: none yet."),
    // Texts, and figures of our own.
    cmd("x-query-irq", human::irq)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("The interrupt controllers, as text."),
    cmd("x-query-jit", human::jit)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("The tiers and the compiler, as text. `x-jit` has the figures."),
    cmd("x-query-numa", human::numa)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("NUMA, as text."),
    cmd("x-query-ramblock", human::ramblock)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("The memory blocks, as text."),
    cmd("x-query-roms", human::roms)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("What was loaded into memory, as text."),
    cmd("x-jit", machine::jit)
        .returns(Object(&JIT_INFO))
        .doc("Figures of interpreter and compiler."),
    cmd("x-icount", machine::icount)
        .returns(Object(&ICOUNT_INFO))
        .doc("Instructions retired and virtual time."),
    // What a debugger's view shows. Addresses are texts: numbers, `$` and a register's name, sums of these.
    cmd("x-registers", debug::registers)
        .returns(Object(&REGISTERS))
        .features(&["unstable"])
        .doc("The vCPU's registers by gdb's names, with the names that assembly programs use. Values are hexadecimal."),
    cmd("x-memory-read", debug::memory_read)
        .args(&[req("address", Str), req("size", Int), opt("physical", Bool)])
        .returns(Object(&MEMORY_BYTES))
        .features(&["unstable"])
        .doc("Memory at a virtual or physical address, as hexadecimal digits, up to the first byte that is none. Devices are left alone.")
        .errors("The address is none."),
    cmd("x-memory-write", debug::memory_write)
        .args(&[req("address", Str), req("data", Str), opt("physical", Bool)])
        .features(&["unstable"])
        .doc("Writes memory, rights notwithstanding.")
        .errors("The address or the data are none; nothing answers there."),
    cmd("x-disassemble", debug::disassemble)
        .args(&[opt("address", Str), opt("count", Int), opt("physical", Bool)])
        .returns(List(&Object(&DISASSEMBLY)))
        .features(&["unstable"])
        .doc("Instructions from an address on, the pc's if none is given.")
        .errors("The address is none."),
    cmd("x-translate", debug::translate)
        .args(&[req("address", Str)])
        .returns(Object(&TRANSLATION))
        .features(&["unstable"])
        .doc("How the MMU would translate an address now: which entries it looks at, and what is in them. Without any effect.")
        .errors("The address is none."),
    cmd("x-block", debug::block)
        .args(&[opt("address", Str)])
        .returns(Object(&CODE_BLOCK))
        .features(&["unstable"])
        .doc("The block of code at an address, the pc's if none is given: as IR, as IR after the passes, and as the WebAssembly module \
             (hexadecimal) that it would be alone.")
        .errors("There is no code."),
    cmd("x-devices", debug::devices)
        .returns(List(&Object(&DEVICE_STATE)))
        .features(&["unstable"])
        .doc("The board's devices, where they answer, and what they say of their registers."),
];

/// All events.
pub static EVENTS: &[Event] = &[
    event(
        "SHUTDOWN",
        "0.12",
        "The machine goes down: the emulator ends, or the machine stops and stays.",
    )
    .data(&CAUSE_DATA),
    event("POWERDOWN", "0.12", "The power button was pressed."),
    event("RESET", "0.12", "The machine was reset.").data(&CAUSE_DATA),
    event(
        "MIGRATION",
        "2.4",
        "A migration came this far. Only with the capability `events`.",
    )
    .data(&MIGRATION_DATA),
    event(
        "MIGRATION_PASS",
        "2.6",
        "Memory is being saved, for the first and only time. Only with the capability `events`.",
    )
    .data(&MIGRATION_PASS_DATA),
    event("JOB_STATUS_CHANGE", "3.0", "A job came this far.").data(&JOB_STATUS_DATA),
    event("RTC_CHANGE", "0.13", "The guest set its clock.").data(&RTC_DATA),
    event(
        "BLOCK_IO_ERROR",
        "0.13",
        "A drive could not be read or written; `action` says what follows.",
    )
    .data(&IO_ERROR_DATA),
    event("DEVICE_DELETED", "1.5", "A device is gone.").data(&DELETED_DATA),
    event("DUMP_COMPLETED", "2.6", "A dump is done.").data(&DUMP_DATA),
    event("STOP", "0.12", "The machine stopped."),
    event("RESUME", "0.12", "The machine runs."),
    event(
        "DEVICE_TRAY_MOVED",
        "1.1",
        "A drive's tray was opened or closed.",
    )
    .data(&TRAY_DATA),
];

/// A command by its name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|c| c.name == name)
}

/// An event by its name.
pub fn find_event(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|e| e.name == name)
}

/// The commands of the monitor for people.
pub use hmp::COMMANDS as HMP_COMMANDS;
