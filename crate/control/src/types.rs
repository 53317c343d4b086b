//! Types of arguments, replies and events that have names. Names and members are QEMU 7.2's.

use crate::schema::Type::{Any, Bool, Int, List, Str, U8, U16, U64};
use crate::schema::{EMPTY, Enum, Object, Type, object, opt, req, union};

macro_rules! words {
    ($($(#[$doc:meta])* $id:ident = $name:literal: $($word:literal)+;)+) => {
        $($(#[$doc])* pub static $id: Enum = Enum { name: $name, values: &[$($word),+] };)+
    };
}

words! {
    /// Capabilities of the protocol.
    CAPABILITY = "QMPCapability": "oob";
    /// Run states.
    RUN_STATE = "RunState": "debug" "inmigrate" "internal-error" "io-error" "paused" "postmigrate" "prelaunch"
        "finish-migrate" "restore-vm" "running" "save-vm" "shutdown" "suspended" "watchdog" "guest-panicked" "colo";
    /// Why a machine goes down.
    SHUTDOWN_CAUSE = "ShutdownCause": "none" "host-error" "host-qmp-quit" "host-qmp-system-reset" "host-signal" "host-ui"
        "guest-shutdown" "guest-reset" "guest-panic" "subsystem-reset" "snapshot-load";
    /// What a reset does.
    REBOOT_ACTION = "RebootAction": "reset" "shutdown";
    /// What a power-off does.
    SHUTDOWN_ACTION = "ShutdownAction": "poweroff" "pause";
    /// What a guest's panic does.
    PANIC_ACTION = "PanicAction": "pause" "shutdown" "exit-failure" "none";
    /// What the watchdog does.
    WATCHDOG_ACTION = "WatchdogAction": "reset" "shutdown" "poweroff" "pause" "debug" "none" "inject-nmi";
    /// What happens to a guest that broke.
    GUEST_PANIC_ACTION = "GuestPanicAction": "pause" "poweroff" "run";
    /// How a CPU model is told.
    CPU_EXPANSION = "CpuModelExpansionType": "static" "full";
    /// What a job does.
    JOB_TYPE = "JobType": "commit" "stream" "mirror" "backup" "create" "amend" "snapshot-load" "snapshot-save" "snapshot-delete";
    /// How far a job is.
    JOB_STATUS = "JobStatus": "undefined" "created" "running" "paused" "ready" "standby" "waiting" "pending" "aborting"
        "concluded" "null";
    /// Emulated architectures.
    TARGET = "SysEmuTarget": "i386" "mips" "mips64" "mips64el" "mipsel" "x86_64";
    /// Kinds of NUMA configuration.
    NUMA_TYPE = "NumaOptionsType": "node" "dist" "cpu" "hmat-lb" "hmat-cache";
    /// Levels of the memory hierarchy.
    HMAT_HIERARCHY = "HmatLBMemoryHierarchy": "memory" "first-level" "second-level" "third-level";
    /// What a latency or bandwidth says.
    HMAT_DATA = "HmatLBDataType": "access-latency" "read-latency" "write-latency" "access-bandwidth" "read-bandwidth"
        "write-bandwidth";
    /// How a cache is organised.
    HMAT_ASSOCIATIVITY = "HmatCacheAssociativity": "none" "direct" "complex";
    /// When a cache writes.
    HMAT_POLICY = "HmatCacheWritePolicy": "none" "write-back" "write-through";
    /// NUMA policies of host memory.
    HOST_MEM_POLICY = "HostMemPolicy": "default" "preferred" "bind" "interleave";
    /// Types of an option's parameter.
    OPT_TYPE = "CommandLineParameterType": "string" "boolean" "number" "size";
    /// Recording or replaying.
    REPLAY_MODE = "ReplayMode": "none" "record" "play";
    /// Objects that can be made.
    OBJECT_TYPE = "ObjectType": "iothread" "memory-backend-ram" "rng-builtin" "rng-random" "secret" "throttle-group";
    /// What is written in a secret.
    SECRET_FORMAT = "QCryptoSecretFormat": "raw" "base64";
    /// How a changed medium may be written.
    READ_ONLY_MODE = "BlockdevChangeReadOnlyMode": "retain" "read-only" "read-write";
    /// Treatment of written zeros.
    DETECT_ZEROES = "BlockdevDetectZeroesOptions": "off" "on" "unmap";
    /// Health of a drive.
    IO_STATUS = "BlockDeviceIoStatus": "ok" "failed" "nospace";
    /// Kinds of character devices.
    CHARDEV_KIND = "ChardevBackendKind": "file" "socket" "pty" "null" "stdio" "ringbuf";
    /// Kinds of socket addresses.
    ADDRESS_TYPE = "SocketAddressType": "inet" "unix" "vsock" "fd";
    /// How data is written in text.
    DATA_FORMAT = "DataFormat": "utf8" "base64";
    /// Kinds of key values.
    KEY_KIND = "KeyValueKind": "number" "qcode";
    /// Keys.
    QCODE = "QKeyCode": "unmapped" "shift" "shift_r" "alt" "alt_r" "ctrl" "ctrl_r" "menu" "esc" "1" "2" "3" "4" "5" "6" "7"
        "8" "9" "0" "minus" "equal" "backspace" "tab" "q" "w" "e" "r" "t" "y" "u" "i" "o" "p" "bracket_left"
        "bracket_right" "ret" "a" "s" "d" "f" "g" "h" "j" "k" "l" "semicolon" "apostrophe" "grave_accent" "backslash"
        "z" "x" "c" "v" "b" "n" "m" "comma" "dot" "slash" "asterisk" "spc" "caps_lock" "f1" "f2" "f3" "f4" "f5" "f6"
        "f7" "f8" "f9" "f10" "num_lock" "scroll_lock" "kp_divide" "kp_multiply" "kp_subtract" "kp_add" "kp_enter"
        "kp_decimal" "sysrq" "kp_0" "kp_1" "kp_2" "kp_3" "kp_4" "kp_5" "kp_6" "kp_7" "kp_8" "kp_9" "less" "f11" "f12"
        "print" "home" "pgup" "pgdn" "end" "left" "up" "down" "right" "insert" "delete" "stop" "again" "props" "undo"
        "front" "copy" "open" "paste" "find" "cut" "lf" "help" "meta_l" "meta_r" "compose" "pause";
    /// Kinds of displays.
    DISPLAY_TYPE = "DisplayType": "default" "none";
    /// Kinds of things that can hang.
    YANK_TYPE = "YankInstanceType": "block-node" "chardev" "migration";
    /// What schema entries describe.
    META_TYPE = "SchemaMetaType": "builtin" "enum" "array" "object" "alternate" "command" "event";
    /// Types of JSON.
    JSON_TYPE = "JSONType": "string" "number" "int" "boolean" "null" "object" "array" "value";
    /// Kinds of network back ends.
    NET_DRIVER = "NetClientDriver": "none" "user" "tap" "socket" "stream" "dgram" "bridge" "hubport";
    /// How pictures are written.
    IMAGE_FORMAT = "ImageFormat": "ppm" "png";
    /// How dumps are written.
    DUMP_FORMAT = "DumpGuestMemoryFormat": "elf" "kdump-zlib" "kdump-lzo" "kdump-snappy" "win-dmp";
    /// How far a dump is.
    DUMP_STATUS = "DumpStatus": "none" "active" "completed" "failed";
    /// Buttons.
    INPUT_BUTTON = "InputButton": "left" "middle" "right" "wheel-up" "wheel-down" "side" "extra" "wheel-left" "wheel-right";
    /// Directions.
    INPUT_AXIS = "InputAxis": "x" "y";
    /// Kinds of input events.
    INPUT_KIND = "InputEventKind": "key" "btn" "rel" "abs";
    /// What was done to a disk.
    IO_OPERATION = "IoOperationType": "read" "write";
    /// What follows when it fails.
    ERROR_ACTION = "BlockErrorAction": "ignore" "report" "stop";
    /// Drivers of images.
    BLOCK_DRIVER = "BlockdevDriver": "file" "null-co" "qcow2" "raw";
    /// Kinds of setup options.
    SETUP_KIND = "XSetupKind": "text" "file" "size" "int" "bool" "choice" "devices";
}

macro_rules! objects {
    ($($(#[$doc:meta])* $id:ident = $name:literal { $($kind:ident $member:literal $ty:expr),* $(,)? };)+) => {
        $($(#[$doc])* pub static $id: Object = object($name, &[$($kind($member, $ty)),*]);)+
    };
}

use Type::{Enum as E, Object as O};

objects! {
    /// A register: `number` is gdb's, `alias` what assembly programs call it.
    REGISTER = "XRegister" {
        req "name" Str, opt "alias" Str, opt "number" Int, req "group" Str, req "bits" Int, req "value" Str,
    };
    /// The vCPU's registers.
    REGISTERS = "XRegisters" {
        req "pc" Str, req "icount" Int, req "halted" Bool, req "address-digits" Int, req "registers" List(&O(&REGISTER)),
    };
    /// A piece of memory.
    MEMORY_BYTES = "XMemory" { req "address" Str, req "data" Str };
    /// An instruction.
    DISASSEMBLY = "XInsn" { req "address" Str, req "data" Str, req "text" Str };
    /// A step of a translation.
    TRANSLATION_STEP = "XTranslationStep" { req "what" Str, req "found" Str };
    /// How an address is translated.
    TRANSLATION = "XTranslation" { req "address" Str, opt "physical" Str, req "steps" List(&O(&TRANSLATION_STEP)) };
    /// A block of code in all its forms.
    CODE_BLOCK = "XBlock" {
        req "address" Str, req "insns" Int, req "bytes" Int, req "ir" Str, req "optimised" Str, req "module" Str,
    };
    /// Addresses, both included.
    ADDRESS_RANGE = "XRange" { req "first" Str, req "last" Str };
    /// A device of the board.
    DEVICE_STATE = "XDevice" { req "name" Str, req "what" Str, req "ranges" List(&O(&ADDRESS_RANGE)), req "state" Str };
    /// A version's numbers.
    VERSION_TRIPLE = "VersionTriple" { req "major" Int, req "minor" Int, req "micro" Int };
    /// A version.
    VERSION_INFO = "VersionInfo" { req "qemu" O(&VERSION_TRIPLE), req "package" Str };
    /// A command's name.
    COMMAND_INFO = "CommandInfo" { req "name" Str };
    /// Whether the machine runs.
    STATUS_INFO = "StatusInfo" { req "running" Bool, req "singlestep" Bool, req "status" E(&RUN_STATE) };
    /// A snapshot inside an image.
    SNAPSHOT_INFO = "SnapshotInfo" {
        req "id" Str, req "name" Str, req "vm-state-size" Int, req "date-sec" Int, req "date-nsec" Int, req "vm-clock-sec" Int,
        req "vm-clock-nsec" Int, opt "icount" Int,
    };
    /// A job.
    JOB_INFO = "JobInfo" {
        req "id" Str, req "type" E(&JOB_TYPE), req "status" E(&JOB_STATUS), req "current-progress" Int,
        req "total-progress" Int, opt "error" Str,
    };
    /// The machine's name.
    NAME_INFO = "NameInfo" { opt "name" Str };
    /// The machine's UUID.
    UUID_INFO = "UuidInfo" { req "UUID" Str };
    /// Whether KVM is used.
    KVM_INFO = "KvmInfo" { req "enabled" Bool, req "present" Bool };
    /// The emulated architecture.
    TARGET_INFO = "TargetInfo" { req "arch" E(&TARGET) };
    /// A board.
    MACHINE_INFO = "MachineInfo" {
        req "name" Str, opt "alias" Str, opt "is-default" Bool, req "cpu-max" Int, req "hotpluggable-cpus" Bool,
        req "numa-mem-supported" Bool, req "deprecated" Bool, opt "default-cpu-type" Str, opt "default-ram-id" Str,
    };
    /// What the running machine can do.
    CURRENT_MACHINE = "CurrentMachineParams" { req "wakeup-suspend-support" Bool };
    /// Where a CPU sits.
    CPU_PROPERTIES = "CpuInstanceProperties" {
        opt "node-id" Int, opt "socket-id" Int, opt "die-id" Int, opt "cluster-id" Int, opt "core-id" Int,
        opt "thread-id" Int,
    };
    /// A CPU model.
    CPU_DEFINITION = "CpuDefinitionInfo" {
        req "name" Str, opt "migration-safe" Bool, req "static" Bool, opt "unavailable-features" List(&Str),
        req "typename" Str, opt "alias-of" Str, req "deprecated" Bool,
    };
    /// A CPU that could be plugged.
    HOTPLUGGABLE_CPU = "HotpluggableCPU" {
        req "type" Str, req "vcpus-count" Int, req "props" O(&CPU_PROPERTIES), opt "qom-path" Str,
    };
    /// A NUMA node.
    NUMA_NODE = "NumaNodeOptions" {
        opt "nodeid" U16, opt "cpus" List(&U16), opt "mem" U64, opt "memdev" Str, opt "initiator" U16,
    };
    /// The distance of two nodes.
    NUMA_DIST = "NumaDistOptions" { req "src" U16, req "dst" U16, req "val" U8 };
    /// A latency or bandwidth.
    NUMA_HMAT_LB = "NumaHmatLBOptions" {
        req "initiator" U16, req "target" U16, req "hierarchy" E(&HMAT_HIERARCHY), req "data-type" E(&HMAT_DATA),
        opt "latency" U64, opt "bandwidth" U64,
    };
    /// A memory-side cache.
    NUMA_HMAT_CACHE = "NumaHmatCacheOptions" {
        req "node-id" Type::U32, req "size" U64, req "level" U8, req "associativity" E(&HMAT_ASSOCIATIVITY),
        req "policy" E(&HMAT_POLICY), req "line" U16,
    };
    /// Sizes of memory.
    MEMORY_INFO = "MemoryInfo" { req "base-memory" U64, opt "plugged-memory" U64 };
    /// A memory backend.
    MEMDEV = "Memdev" {
        opt "id" Str, req "size" U64, req "merge" Bool, req "dump" Bool, req "prealloc" Bool, req "share" Bool,
        opt "reserve" Bool, req "host-nodes" List(&U16), req "policy" E(&HOST_MEM_POLICY),
    };
    /// A thread for I/O.
    IOTHREAD_INFO = "IOThreadInfo" {
        req "id" Str, req "thread-id" Int, req "poll-max-ns" Int, req "poll-grow" Int, req "poll-shrink" Int,
        req "aio-max-batch" Int,
    };
    /// A parameter of a command-line option.
    OPT_PARAMETER = "CommandLineParameterInfo" { req "name" Str, req "type" E(&OPT_TYPE), opt "help" Str, opt "default" Str };
    /// A command-line option.
    OPT_INFO = "CommandLineOptionInfo" { req "option" Str, req "parameters" List(&O(&OPT_PARAMETER)) };
    /// Recording or replaying.
    REPLAY_INFO = "ReplayInfo" { req "mode" E(&REPLAY_MODE), opt "filename" Str, req "icount" Int };
    /// A generation's id.
    GUID_INFO = "GuidInfo" { req "guid" Str };
    /// The balloon's size.
    BALLOON_INFO = "BalloonInfo" { req "actual" Int };
    /// A property of an object.
    OBJECT_PROPERTY = "ObjectPropertyInfo" { req "name" Str, req "type" Str, opt "description" Str, opt "default-value" Any };
    /// A type of objects.
    OBJECT_TYPE_INFO = "ObjectTypeInfo" { req "name" Str, opt "abstract" Bool, opt "parent" Str };
    /// A thread for I/O, to be made.
    IOTHREAD_PROPERTIES = "IothreadProperties" {
        opt "aio-max-batch" Int, opt "thread-pool-min" Int, opt "thread-pool-max" Int, opt "poll-max-ns" Int,
        opt "poll-grow" Int, opt "poll-shrink" Int,
    };
    /// Memory, to be made.
    MEMORY_BACKEND = "MemoryBackendProperties" {
        opt "dump" Bool, opt "host-nodes" List(&U16), opt "merge" Bool, opt "policy" E(&HOST_MEM_POLICY),
        opt "prealloc" Bool, opt "prealloc-threads" Type::U32, opt "prealloc-context" Str, opt "share" Bool,
        opt "reserve" Bool, req "size" U64, opt "x-use-canonical-path-for-ramblock-id" Bool,
    };
    /// A source of random numbers, to be made.
    RNG_PROPERTIES = "RngProperties" { opt "opened" Bool };
    /// A source of random numbers out of a file, to be made.
    RNG_RANDOM_PROPERTIES = "RngRandomProperties" { opt "opened" Bool, opt "filename" Str };
    /// A secret, to be kept.
    SECRET_PROPERTIES = "SecretProperties" {
        opt "loaded" Bool, opt "format" E(&SECRET_FORMAT), opt "keyid" Str, opt "iv" Str, opt "data" Str, opt "file" Str,
    };
    /// How a drive is cached.
    CACHE_INFO = "BlockdevCacheInfo" { req "writeback" Bool, req "direct" Bool, req "no-flush" Bool };
    /// An image.
    IMAGE_INFO = "ImageInfo" {
        req "filename" Str, req "format" Str, opt "dirty-flag" Bool, opt "actual-size" Int, req "virtual-size" Int,
        opt "snapshots" List(&Type::Object(&SNAPSHOT_INFO)),
    };
    /// What is in a drive.
    BLOCK_DEVICE_INFO = "BlockDeviceInfo" {
        req "file" Str, opt "node-name" Str, req "ro" Bool, req "drv" Str, opt "backing_file" Str,
        req "backing_file_depth" Int, req "encrypted" Bool, req "detect_zeroes" E(&DETECT_ZEROES), req "bps" Int,
        req "bps_rd" Int, req "bps_wr" Int, req "iops" Int, req "iops_rd" Int, req "iops_wr" Int,
        req "image" O(&IMAGE_INFO), req "cache" O(&CACHE_INFO), req "write_threshold" Int,
    };
    /// A drive.
    BLOCK_INFO = "BlockInfo" {
        req "device" Str, opt "qdev" Str, req "type" Str, req "removable" Bool, req "locked" Bool,
        opt "inserted" O(&BLOCK_DEVICE_INFO), opt "tray_open" Bool, opt "io-status" E(&IO_STATUS),
    };
    /// Delays over an interval.
    BLOCK_TIMED_STATS = "BlockDeviceTimedStats" {
        req "interval_length" Int, req "min_rd_latency_ns" Int, req "max_rd_latency_ns" Int, req "avg_rd_latency_ns" Int,
        req "min_wr_latency_ns" Int, req "max_wr_latency_ns" Int, req "avg_wr_latency_ns" Int,
        req "min_flush_latency_ns" Int, req "max_flush_latency_ns" Int, req "avg_flush_latency_ns" Int,
        req "avg_rd_queue_depth" Type::Number, req "avg_wr_queue_depth" Type::Number,
    };
    /// What a drive has done.
    BLOCK_DEVICE_STATS = "BlockDeviceStats" {
        req "rd_bytes" Int, req "wr_bytes" Int, req "unmap_bytes" Int, req "rd_operations" Int, req "wr_operations" Int,
        req "flush_operations" Int, req "unmap_operations" Int, req "rd_total_time_ns" Int, req "wr_total_time_ns" Int,
        req "flush_total_time_ns" Int, req "unmap_total_time_ns" Int, req "wr_highest_offset" Int, req "rd_merged" Int,
        req "wr_merged" Int, req "unmap_merged" Int, opt "idle_time_ns" Int, req "failed_rd_operations" Int,
        req "failed_wr_operations" Int, req "failed_flush_operations" Int, req "failed_unmap_operations" Int,
        req "invalid_rd_operations" Int, req "invalid_wr_operations" Int, req "invalid_flush_operations" Int,
        req "invalid_unmap_operations" Int, req "account_invalid" Bool, req "account_failed" Bool,
        req "timed_stats" List(&O(&BLOCK_TIMED_STATS)),
    };
    /// A drive and what it has done.
    BLOCK_STATS = "BlockStats" {
        opt "device" Str, opt "qdev" Str, opt "node-name" Str, req "stats" O(&BLOCK_DEVICE_STATS),
    };
    /// A character device.
    CHARDEV_INFO = "ChardevInfo" { req "label" Str, req "filename" Str, req "frontend-open" Bool };
    /// A kind of character devices.
    CHARDEV_BACKEND_INFO = "ChardevBackendInfo" { req "name" Str };
    /// What a new character device is.
    CHARDEV_RETURN = "ChardevReturn" { opt "pty" Str };
    /// An address in a network.
    INET_ADDRESS = "InetSocketAddress" {
        req "host" Str, req "port" Str, opt "numeric" Bool, opt "to" U16, opt "ipv4" Bool, opt "ipv6" Bool,
        opt "keep-alive" Bool, opt "mptcp" Bool,
    };
    /// The same, in its place.
    INET_WRAPPER = "InetSocketAddressWrapper" { req "data" O(&INET_ADDRESS) };
    /// A unix socket.
    UNIX_ADDRESS = "UnixSocketAddress" { req "path" Str, opt "abstract" Bool, opt "tight" Bool };
    /// The same, in its place.
    UNIX_WRAPPER = "UnixSocketAddressWrapper" { req "data" O(&UNIX_ADDRESS) };
    /// A virtual socket.
    VSOCK_ADDRESS = "VsockSocketAddress" { req "cid" Str, req "port" Str };
    /// The same, in its place.
    VSOCK_WRAPPER = "VsockSocketAddressWrapper" { req "data" O(&VSOCK_ADDRESS) };
    /// A descriptor.
    FD_ADDRESS = "String" { req "str" Str };
    /// The same, in its place.
    FD_WRAPPER = "StringWrapper" { req "data" O(&FD_ADDRESS) };
    /// What all character devices have.
    CHARDEV_COMMON = "ChardevCommon" { opt "logfile" Str, opt "logappend" Bool };
    /// The same, in its place.
    CHARDEV_COMMON_WRAPPER = "ChardevCommonWrapper" { req "data" O(&CHARDEV_COMMON) };
    /// A file.
    CHARDEV_FILE = "ChardevFile" {
        opt "logfile" Str, opt "logappend" Bool, opt "in" Str, req "out" Str, opt "append" Bool,
    };
    /// The same, in its place.
    CHARDEV_FILE_WRAPPER = "ChardevFileWrapper" { req "data" O(&CHARDEV_FILE) };
    /// A socket.
    CHARDEV_SOCKET = "ChardevSocket" {
        opt "logfile" Str, opt "logappend" Bool, req "addr" O(&SOCKET_ADDRESS), opt "tls-creds" Str, opt "tls-authz" Str,
        opt "server" Bool, opt "wait" Bool, opt "nodelay" Bool, opt "telnet" Bool, opt "tn3270" Bool,
        opt "websocket" Bool, opt "reconnect" Int,
    };
    /// The same, in its place.
    CHARDEV_SOCKET_WRAPPER = "ChardevSocketWrapper" { req "data" O(&CHARDEV_SOCKET) };
    /// This terminal.
    CHARDEV_STDIO = "ChardevStdio" { opt "logfile" Str, opt "logappend" Bool, opt "signal" Bool };
    /// The same, in its place.
    CHARDEV_STDIO_WRAPPER = "ChardevStdioWrapper" { req "data" O(&CHARDEV_STDIO) };
    /// A buffer in memory.
    CHARDEV_RINGBUF = "ChardevRingbuf" { opt "logfile" Str, opt "logappend" Bool, opt "size" Int };
    /// The same, in its place.
    CHARDEV_RINGBUF_WRAPPER = "ChardevRingbufWrapper" { req "data" O(&CHARDEV_RINGBUF) };
    /// A key by number.
    INT_WRAPPER = "IntWrapper" { req "data" Int };
    /// A key by name.
    QCODE_WRAPPER = "QKeyCodeWrapper" { req "data" E(&QCODE) };
    /// A key that goes down or up.
    INPUT_KEY = "InputKeyEvent" { req "key" O(&KEY_VALUE), req "down" Bool };
    /// The same, in its place.
    INPUT_KEY_WRAPPER = "InputKeyEventWrapper" { req "data" O(&INPUT_KEY) };
    /// A button that goes down or up.
    INPUT_BTN = "InputBtnEvent" { req "button" E(&INPUT_BUTTON), req "down" Bool };
    /// The same, in its place.
    INPUT_BTN_WRAPPER = "InputBtnEventWrapper" { req "data" O(&INPUT_BTN) };
    /// A movement.
    INPUT_MOVE = "InputMoveEvent" { req "axis" E(&INPUT_AXIS), req "value" Int };
    /// The same, in its place.
    INPUT_MOVE_WRAPPER = "InputMoveEventWrapper" { req "data" O(&INPUT_MOVE) };
    /// How a dump went.
    DUMP_RESULT = "DumpQueryResult" { req "status" E(&DUMP_STATUS), req "completed" Int, req "total" Int };
    /// What dumps there are.
    DUMP_CAPABILITY = "DumpGuestMemoryCapability" { req "formats" List(&E(&DUMP_FORMAT)) };
    /// A port of a hub.
    NETDEV_HUBPORT = "NetdevHubPortOptions" { req "hubid" Type::U32, opt "netdev" Str };
    /// A network of the machine's own.
    NETDEV_USER = "NetdevUserOptions" {
        opt "hostname" Str, opt "restrict" Bool, opt "ipv4" Bool, opt "ipv6" Bool, opt "ip" Str, opt "net" Str, opt "host" Str,
        opt "tftp" Str, opt "bootfile" Str, opt "dhcpstart" Str, opt "dns" Str, opt "dnssearch" List(&O(&FD_ADDRESS)),
        opt "domainname" Str, opt "ipv6-prefix" Str, opt "ipv6-prefixlen" Int, opt "ipv6-host" Str, opt "ipv6-dns" Str,
        opt "smb" Str, opt "smbserver" Str, opt "hostfwd" List(&O(&FD_ADDRESS)), opt "guestfwd" List(&O(&FD_ADDRESS)),
        opt "tftp-server-name" Str,
    };
    /// A network by a stream of frames.
    NETDEV_STREAM = "NetdevStreamOptions" { req "addr" O(&FLAT_ADDRESS), opt "server" Bool };
    /// A network by datagrams.
    NETDEV_DGRAM = "NetdevDgramOptions" { opt "local" O(&FLAT_ADDRESS), opt "remote" O(&FLAT_ADDRESS) };
    /// A network by a socket.
    NETDEV_SOCKET = "NetdevSocketOptions" {
        opt "fd" Str, opt "listen" Str, opt "connect" Str, opt "mcast" Str, opt "localaddr" Str, opt "udp" Str,
    };
    /// A clock that was set.
    RTC_DATA = "" { req "offset" Int, req "qom-path" Str };
    /// A disk that failed.
    IO_ERROR_DATA = "" {
        req "device" Str, opt "node-name" Str, req "operation" E(&IO_OPERATION), req "action" E(&ERROR_ACTION),
        opt "nospace" Bool, req "reason" Str,
    };
    /// A device that is gone.
    DELETED_DATA = "" { opt "device" Str, req "path" Str };
    /// A dump that is done.
    DUMP_DATA = "" { req "result" O(&DUMP_RESULT), opt "error" Str };
    /// A mouse.
    MOUSE_INFO = "MouseInfo" { req "name" Str, req "index" Int, req "current" Bool, req "absolute" Bool };
    /// A kind of PCI device.
    PCI_CLASS = "PciDeviceClass" { opt "desc" Str, req "class" Int };
    /// Who made a PCI device.
    PCI_ID = "PciDeviceId" { req "device" Int, req "vendor" Int, opt "subsystem" Int, opt "subsystem-vendor" Int };
    /// A range that a PCI device answers in.
    PCI_REGION = "PciMemoryRegion" {
        req "bar" Int, req "type" Str, req "address" Int, req "size" Int, opt "prefetch" Bool, opt "mem_type_64" Bool,
    };
    /// A PCI device.
    PCI_DEVICE = "PciDeviceInfo" {
        req "bus" Int, req "slot" Int, req "function" Int, req "class_info" O(&PCI_CLASS), req "id" O(&PCI_ID),
        opt "irq" Int, req "irq_pin" Int, req "qdev_id" Str, req "regions" List(&O(&PCI_REGION)),
    };
    /// A PCI bus.
    PCI_INFO = "PciInfo" { req "bus" Int, req "devices" List(&O(&PCI_DEVICE)) };
    /// Text for people.
    HUMAN_TEXT = "HumanReadableText" { req "human-readable-text" Str };
    /// A block node that can hang.
    YANK_BLOCK = "YankInstanceBlockNode" { req "node-name" Str };
    /// A character device that can hang.
    YANK_CHARDEV = "YankInstanceChardev" { req "id" Str };
    /// A member of an enumeration.
    SCHEMA_ENUM_MEMBER = "SchemaInfoEnumMember" { req "name" Str, opt "features" List(&Str) };
    /// A member of an object.
    SCHEMA_MEMBER = "SchemaInfoObjectMember" { req "name" Str, req "type" Str, opt "default" Any, opt "features" List(&Str) };
    /// A variant of a union.
    SCHEMA_VARIANT = "SchemaInfoObjectVariant" { req "case" Str, req "type" Str };
    /// A member of an alternate.
    SCHEMA_ALTERNATE_MEMBER = "SchemaInfoAlternateMember" { req "type" Str };
    /// A builtin type.
    SCHEMA_BUILTIN = "SchemaInfoBuiltin" { req "json-type" E(&JSON_TYPE) };
    /// An enumeration.
    SCHEMA_ENUM = "SchemaInfoEnum" { req "members" List(&O(&SCHEMA_ENUM_MEMBER)), req "values" List(&Str) };
    /// A list.
    SCHEMA_ARRAY = "SchemaInfoArray" { req "element-type" Str };
    /// An object.
    SCHEMA_OBJECT = "SchemaInfoObject" {
        req "members" List(&O(&SCHEMA_MEMBER)), opt "tag" Str, opt "variants" List(&O(&SCHEMA_VARIANT)),
    };
    /// An alternate.
    SCHEMA_ALTERNATE = "SchemaInfoAlternate" { req "members" List(&O(&SCHEMA_ALTERNATE_MEMBER)) };
    /// A command.
    SCHEMA_COMMAND = "SchemaInfoCommand" { req "arg-type" Str, req "ret-type" Str, opt "allow-oob" Bool };
    /// An event.
    SCHEMA_EVENT = "SchemaInfoEvent" { req "arg-type" Str };
    /// A setup option.
    SETUP_OPTION = "XSetupOption" {
        req "name" Str, req "kind" E(&SETUP_KIND), req "description" Str, opt "value" Any, opt "default" Any,
        opt "choices" List(&Str),
    };
    /// Figures of the compiler.
    JIT_INFO = "XJitInfo" {
        req "insns" U64, req "interpreted" U64, req "lifted" U64, req "blocks" U64, req "regions" U64, req "modules" U64,
        req "module-bytes" U64, req "calls" U64, req "flushes" U64, req "evicted" U64, req "slow-accesses" U64, req "exceptions" U64,
    };
    /// Instructions and virtual time.
    ICOUNT_INFO = "XIcountInfo" { req "icount" U64, req "virtual-ns" U64, opt "shift" Int };
    /// An object of a machine that is gone down or was reset.
    CAUSE_DATA = "" { req "guest" Bool, req "reason" E(&SHUTDOWN_CAUSE) };
    /// How far a job is.
    JOB_STATUS_DATA = "" { req "id" Str, req "status" E(&JOB_STATUS) };
    /// A guest that broke.
    PANIC_DATA = "" { req "action" E(&GUEST_PANIC_ACTION) };
    /// A watchdog that was not kept quiet.
    WATCHDOG_DATA = "" { req "action" E(&WATCHDOG_ACTION) };
    /// A CPU model.
    CPU_MODEL_INFO = "CpuModelInfo" { req "name" Str, opt "props" Any };
    /// What it is.
    CPU_MODEL_EXPANSION = "CpuModelExpansionInfo" { req "model" O(&CPU_MODEL_INFO) };
    /// A tray that moved.
    TRAY_DATA = "" { req "device" Str, req "id" Str, req "tray-open" Bool };
}

mod migration;

pub use migration::*;

/// A CPU.
pub static CPU_INFO: Object = union(
    "CpuInfoFast",
    &[
        req("cpu-index", Int),
        req("qom-path", Str),
        req("thread-id", Int),
        opt("props", O(&CPU_PROPERTIES)),
        req("target", E(&TARGET)),
    ],
    "target",
    &[],
);

/// A NUMA setting.
pub static NUMA_OPTIONS: Object = union(
    "NumaOptions",
    &[req("type", E(&NUMA_TYPE))],
    "type",
    &[
        ("node", &NUMA_NODE),
        ("dist", &NUMA_DIST),
        ("cpu", &CPU_PROPERTIES),
        ("hmat-lb", &NUMA_HMAT_LB),
        ("hmat-cache", &NUMA_HMAT_CACHE),
    ],
);

/// An object to be made.
pub static OBJECT_OPTIONS: Object = union(
    "ObjectOptions",
    &[req("qom-type", E(&OBJECT_TYPE)), req("id", Str)],
    "qom-type",
    &[
        ("iothread", &IOTHREAD_PROPERTIES),
        ("memory-backend-ram", &MEMORY_BACKEND),
        ("rng-builtin", &RNG_PROPERTIES),
        ("rng-random", &RNG_RANDOM_PROPERTIES),
        ("secret", &SECRET_PROPERTIES),
        ("throttle-group", &EMPTY),
    ],
);

/// The address of a socket.
pub static SOCKET_ADDRESS: Object = union(
    "SocketAddressLegacy",
    &[req("type", E(&ADDRESS_TYPE))],
    "type",
    &[
        ("inet", &INET_WRAPPER),
        ("unix", &UNIX_WRAPPER),
        ("vsock", &VSOCK_WRAPPER),
        ("fd", &FD_WRAPPER),
    ],
);

/// An address that somebody listens on.
pub static LISTENED_ADDRESS: Object = union(
    "SocketAddress",
    &[req("type", E(&ADDRESS_TYPE))],
    "type",
    &[
        ("inet", &INET_ADDRESS),
        ("unix", &UNIX_ADDRESS),
        ("vsock", &VSOCK_ADDRESS),
        ("fd", &FD_ADDRESS),
    ],
);

/// A character device to be made.
pub static CHARDEV_BACKEND: Object = union(
    "ChardevBackend",
    &[req("type", E(&CHARDEV_KIND))],
    "type",
    &[
        ("file", &CHARDEV_FILE_WRAPPER),
        ("socket", &CHARDEV_SOCKET_WRAPPER),
        ("pty", &CHARDEV_COMMON_WRAPPER),
        ("null", &CHARDEV_COMMON_WRAPPER),
        ("stdio", &CHARDEV_STDIO_WRAPPER),
        ("ringbuf", &CHARDEV_RINGBUF_WRAPPER),
    ],
);

/// An input event.
pub static INPUT_EVENT: Object = union(
    "InputEvent",
    &[req("type", E(&INPUT_KIND))],
    "type",
    &[
        ("key", &INPUT_KEY_WRAPPER),
        ("btn", &INPUT_BTN_WRAPPER),
        ("rel", &INPUT_MOVE_WRAPPER),
        ("abs", &INPUT_MOVE_WRAPPER),
    ],
);

/// An address of a socket.
pub static FLAT_ADDRESS: Object = union(
    "SocketAddress",
    &[req("type", E(&ADDRESS_TYPE))],
    "type",
    &[
        ("inet", &INET_ADDRESS),
        ("unix", &UNIX_ADDRESS),
        ("vsock", &VSOCK_ADDRESS),
        ("fd", &FD_ADDRESS),
    ],
);

/// A network back end.
pub static NETDEV: Object = union(
    "Netdev",
    &[req("id", Str), req("type", E(&NET_DRIVER))],
    "type",
    &[
        ("user", &NETDEV_USER),
        ("hubport", &NETDEV_HUBPORT),
        ("socket", &NETDEV_SOCKET),
        ("stream", &NETDEV_STREAM),
        ("dgram", &NETDEV_DGRAM),
    ],
);

/// A key.
pub static KEY_VALUE: Object = union(
    "KeyValue",
    &[req("type", E(&KEY_KIND))],
    "type",
    &[("number", &INT_WRAPPER), ("qcode", &QCODE_WRAPPER)],
);

/// Something that can hang.
pub static YANK_INSTANCE: Object = union(
    "YankInstance",
    &[req("type", E(&YANK_TYPE))],
    "type",
    &[("block-node", &YANK_BLOCK), ("chardev", &YANK_CHARDEV)],
);

/// How the display is.
pub static DISPLAY_OPTIONS: Object = union(
    "DisplayOptions",
    &[req("type", E(&DISPLAY_TYPE))],
    "type",
    &[],
);

/// An entry of the schema.
pub static SCHEMA_INFO: Object = union(
    "SchemaInfo",
    &[
        req("name", Str),
        req("meta-type", E(&META_TYPE)),
        opt("features", List(&Str)),
    ],
    "meta-type",
    &[
        ("builtin", &SCHEMA_BUILTIN),
        ("enum", &SCHEMA_ENUM),
        ("array", &SCHEMA_ARRAY),
        ("object", &SCHEMA_OBJECT),
        ("alternate", &SCHEMA_ALTERNATE),
        ("command", &SCHEMA_COMMAND),
        ("event", &SCHEMA_EVENT),
    ],
);
