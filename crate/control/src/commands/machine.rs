//! What the machine is made of, its memory, objects and cards.

use crate::qmp::{dump, machine, memory, net, objects, plug, qom, setup};
use crate::schema::Type::{Any, Bool, Enum, Int, List, Object, Str, U64};
use crate::schema::{Command, cmd, opt, req};
use crate::types::*;

/// The commands.
pub static COMMANDS: &[Command] = &[
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
    cmd("query-cpu-model-expansion", machine::cpu_expansion)
        .args(&[
            req("type", Enum(&CPU_EXPANSION)),
            req("model", Object(&CPU_MODEL_INFO)),
        ])
        .returns(Object(&CPU_MODEL_EXPANSION))
        .since("2.8")
        .doc("What a CPU model is, as features and numbers, with features changed as `props` says; `static` tells it as changes of `base`, which has none. Features are those that this program knows, less what it does not implement.")
        .errors("CommandNotFound on MIPS, as with QEMU; there is no such model or property."),
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
        .doc("Plugs a card into the PCI bus: e1000, rtl8139, ne2k_pci, pcnet, virtio-net-pci, virtio-blk-pci, virtio-rng-pci, virtio-balloon-pci, i6300esb (a watchdog) or pvpanic-pci, with the properties addr, mac, netdev, drive, rng.")
        .errors("No such model; it cannot be plugged; no such property, bus, drive; no place."),
    cmd("device_del", plug::del)
        .args(&[req("id", Str)])
        .since("0.14")
        .doc("Unplugs a card. DEVICE_DELETED comes: on Malta at once, on the PC when the guest, which is asked by ACPI, ejects it, or at the next reset.")
        .errors("DeviceNotFound; it is on its way out already; it is no such device."),
    cmd("netdev_add", net::add)
        .takes(NETDEV)
        .since("0.14")
        .preconfig()
        .doc("Makes a network back end: a network of its own with a way out by address translation (user), frames in a TCP connection or in datagrams (socket, stream, dgram), or a port of a hub, for cards of this machine.")
        .errors("The id is taken or no identifier; what the kind says of its options; a kind that the host has not."),
    cmd("netdev_del", net::del)
        .args(&[req("id", Str)])
        .since("0.14")
        .preconfig()
        .doc("Removes one.")
        .errors("DeviceNotFound."),
    cmd("set_link", net::set_link)
        .args(&[req("name", Str), req("up", Bool)])
        .since("0.14")
        .doc("Takes the link of a network interface or back end down, or up again. Frames are lost while it is down; cards do not tell their drivers.")
        .errors("DeviceNotFound."),
];
