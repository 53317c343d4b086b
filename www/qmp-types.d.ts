// Made from crate/control/src/commands.rs by its tests: BLESS=1 cargo test -p tinamou-control

export type BalloonInfo = { 'actual': number };
export type BlockDeviceInfo = { 'file': string; 'node-name'?: string; 'ro': boolean; 'drv': string; 'backing_file'?: string; 'backing_file_depth': number; 'encrypted': boolean; 'detect_zeroes': BlockdevDetectZeroesOptions; 'bps': number; 'bps_rd': number; 'bps_wr': number; 'iops': number; 'iops_rd': number; 'iops_wr': number; 'image': ImageInfo; 'cache': BlockdevCacheInfo; 'write_threshold': number };
export type BlockDeviceIoStatus = 'ok' | 'failed' | 'nospace';
export type BlockDeviceStats = { 'rd_bytes': number; 'wr_bytes': number; 'unmap_bytes': number; 'rd_operations': number; 'wr_operations': number; 'flush_operations': number; 'unmap_operations': number; 'rd_total_time_ns': number; 'wr_total_time_ns': number; 'flush_total_time_ns': number; 'unmap_total_time_ns': number; 'wr_highest_offset': number; 'rd_merged': number; 'wr_merged': number; 'unmap_merged': number; 'idle_time_ns'?: number; 'failed_rd_operations': number; 'failed_wr_operations': number; 'failed_flush_operations': number; 'failed_unmap_operations': number; 'invalid_rd_operations': number; 'invalid_wr_operations': number; 'invalid_flush_operations': number; 'invalid_unmap_operations': number; 'account_invalid': boolean; 'account_failed': boolean; 'timed_stats': Array<BlockDeviceTimedStats> };
export type BlockDeviceTimedStats = { 'interval_length': number; 'min_rd_latency_ns': number; 'max_rd_latency_ns': number; 'avg_rd_latency_ns': number; 'min_wr_latency_ns': number; 'max_wr_latency_ns': number; 'avg_wr_latency_ns': number; 'min_flush_latency_ns': number; 'max_flush_latency_ns': number; 'avg_flush_latency_ns': number; 'avg_rd_queue_depth': number; 'avg_wr_queue_depth': number };
export type BlockErrorAction = 'ignore' | 'report' | 'stop';
export type BlockInfo = { 'device': string; 'qdev'?: string; 'type': string; 'removable': boolean; 'locked': boolean; 'inserted'?: BlockDeviceInfo; 'tray_open'?: boolean; 'io-status'?: BlockDeviceIoStatus };
export type BlockStats = { 'device'?: string; 'qdev'?: string; 'node-name'?: string; 'stats': BlockDeviceStats };
export type BlockdevCacheInfo = { 'writeback': boolean; 'direct': boolean; 'no-flush': boolean };
export type BlockdevChangeReadOnlyMode = 'retain' | 'read-only' | 'read-write';
export type BlockdevDetectZeroesOptions = 'off' | 'on' | 'unmap';
export type BlockdevDriver = 'file' | 'null-co' | 'qcow2' | 'raw';
export type ChardevBackend = { 'type': 'file'; 'data': ChardevFile } | { 'type': 'socket'; 'data': ChardevSocket } | { 'type': 'pty'; 'data': ChardevCommon } | { 'type': 'null'; 'data': ChardevCommon } | { 'type': 'stdio'; 'data': ChardevStdio } | { 'type': 'ringbuf'; 'data': ChardevRingbuf };
export type ChardevBackendInfo = { 'name': string };
export type ChardevCommon = { 'logfile'?: string; 'logappend'?: boolean };
export type ChardevFile = { 'logfile'?: string; 'logappend'?: boolean; 'in'?: string; 'out': string; 'append'?: boolean };
export type ChardevInfo = { 'label': string; 'filename': string; 'frontend-open': boolean };
export type ChardevReturn = { 'pty'?: string };
export type ChardevRingbuf = { 'logfile'?: string; 'logappend'?: boolean; 'size'?: number };
export type ChardevSocket = { 'logfile'?: string; 'logappend'?: boolean; 'addr': SocketAddressLegacy; 'tls-creds'?: string; 'tls-authz'?: string; 'server'?: boolean; 'wait'?: boolean; 'nodelay'?: boolean; 'telnet'?: boolean; 'tn3270'?: boolean; 'websocket'?: boolean; 'reconnect'?: number };
export type ChardevStdio = { 'logfile'?: string; 'logappend'?: boolean; 'signal'?: boolean };
export type CommandInfo = { 'name': string };
export type CommandLineOptionInfo = { 'option': string; 'parameters': Array<CommandLineParameterInfo> };
export type CommandLineParameterInfo = { 'name': string; 'type': CommandLineParameterType; 'help'?: string; 'default'?: string };
export type CommandLineParameterType = 'string' | 'boolean' | 'number' | 'size';
export type CpuDefinitionInfo = { 'name': string; 'migration-safe'?: boolean; 'static': boolean; 'unavailable-features'?: Array<string>; 'typename': string; 'alias-of'?: string; 'deprecated': boolean };
export type CpuInfoFast = { 'cpu-index': number; 'qom-path': string; 'thread-id': number; 'props'?: CpuInstanceProperties; 'target': SysEmuTarget };
export type CpuInstanceProperties = { 'node-id'?: number; 'socket-id'?: number; 'die-id'?: number; 'cluster-id'?: number; 'core-id'?: number; 'thread-id'?: number };
export type CpuModelExpansionInfo = { 'model': CpuModelInfo };
export type CpuModelExpansionType = 'static' | 'full';
export type CpuModelInfo = { 'name': string; 'props'?: unknown };
export type CurrentMachineParams = { 'wakeup-suspend-support': boolean };
export type DataFormat = 'utf8' | 'base64';
export type DisplayOptions = { 'type': DisplayType };
export type DisplayType = 'default' | 'none';
export type DumpGuestMemoryCapability = { 'formats': Array<DumpGuestMemoryFormat> };
export type DumpGuestMemoryFormat = 'elf' | 'kdump-zlib' | 'kdump-lzo' | 'kdump-snappy' | 'win-dmp';
export type DumpQueryResult = { 'status': DumpStatus; 'completed': number; 'total': number };
export type DumpStatus = 'none' | 'active' | 'completed' | 'failed';
export type GuestPanicAction = 'pause' | 'poweroff' | 'run';
export type GuidInfo = { 'guid': string };
export type HmatCacheAssociativity = 'none' | 'direct' | 'complex';
export type HmatCacheWritePolicy = 'none' | 'write-back' | 'write-through';
export type HmatLBDataType = 'access-latency' | 'read-latency' | 'write-latency' | 'access-bandwidth' | 'read-bandwidth' | 'write-bandwidth';
export type HmatLBMemoryHierarchy = 'memory' | 'first-level' | 'second-level' | 'third-level';
export type HostMemPolicy = 'default' | 'preferred' | 'bind' | 'interleave';
export type HotpluggableCPU = { 'type': string; 'vcpus-count': number; 'props': CpuInstanceProperties; 'qom-path'?: string };
export type HumanReadableText = { 'human-readable-text': string };
export type IOThreadInfo = { 'id': string; 'thread-id': number; 'poll-max-ns': number; 'poll-grow': number; 'poll-shrink': number; 'aio-max-batch': number };
export type ImageFormat = 'ppm' | 'png';
export type ImageInfo = { 'filename': string; 'format': string; 'dirty-flag'?: boolean; 'actual-size'?: number; 'virtual-size': number; 'snapshots'?: Array<SnapshotInfo> };
export type InetSocketAddress = { 'host': string; 'port': string; 'numeric'?: boolean; 'to'?: number; 'ipv4'?: boolean; 'ipv6'?: boolean; 'keep-alive'?: boolean; 'mptcp'?: boolean };
export type InputAxis = 'x' | 'y';
export type InputBtnEvent = { 'button': InputButton; 'down': boolean };
export type InputButton = 'left' | 'middle' | 'right' | 'wheel-up' | 'wheel-down' | 'side' | 'extra' | 'wheel-left' | 'wheel-right';
export type InputEvent = { 'type': 'key'; 'data': InputKeyEvent } | { 'type': 'btn'; 'data': InputBtnEvent } | { 'type': 'rel'; 'data': InputMoveEvent } | { 'type': 'abs'; 'data': InputMoveEvent };
export type InputKeyEvent = { 'key': KeyValue; 'down': boolean };
export type InputMoveEvent = { 'axis': InputAxis; 'value': number };
export type IoOperationType = 'read' | 'write';
export type JSONType = 'string' | 'number' | 'int' | 'boolean' | 'null' | 'object' | 'array' | 'value';
export type JobInfo = { 'id': string; 'type': JobType; 'status': JobStatus; 'current-progress': number; 'total-progress': number; 'error'?: string };
export type JobStatus = 'undefined' | 'created' | 'running' | 'paused' | 'ready' | 'standby' | 'waiting' | 'pending' | 'aborting' | 'concluded' | 'null';
export type JobType = 'commit' | 'stream' | 'mirror' | 'backup' | 'create' | 'amend' | 'snapshot-load' | 'snapshot-save' | 'snapshot-delete';
export type KeyValue = { 'type': 'number'; 'data': number } | { 'type': 'qcode'; 'data': QKeyCode };
export type KvmInfo = { 'enabled': boolean; 'present': boolean };
export type MachineInfo = { 'name': string; 'alias'?: string; 'is-default'?: boolean; 'cpu-max': number; 'hotpluggable-cpus': boolean; 'numa-mem-supported': boolean; 'deprecated': boolean; 'default-cpu-type'?: string; 'default-ram-id'?: string };
export type Memdev = { 'id'?: string; 'size': number; 'merge': boolean; 'dump': boolean; 'prealloc': boolean; 'share': boolean; 'reserve'?: boolean; 'host-nodes': Array<number>; 'policy': HostMemPolicy };
export type MemoryInfo = { 'base-memory': number; 'plugged-memory'?: number };
export type MigrationCapability = 'xbzrle' | 'rdma-pin-all' | 'auto-converge' | 'zero-blocks' | 'compress' | 'events' | 'postcopy-ram' | 'x-colo' | 'release-ram' | 'block' | 'return-path' | 'pause-before-switchover' | 'multifd' | 'dirty-bitmaps' | 'postcopy-blocktime' | 'late-block-activate' | 'x-ignore-shared' | 'validate-uuid' | 'background-snapshot' | 'zero-copy-send' | 'postcopy-preempt';
export type MigrationCapabilityStatus = { 'capability': MigrationCapability; 'state': boolean };
export type MigrationInfo = { 'status'?: MigrationStatus; 'ram'?: MigrationStats; 'total-time'?: number; 'downtime'?: number; 'setup-time'?: number; 'expected-downtime'?: number; 'error-desc'?: string; 'socket-address'?: Array<SocketAddress> };
export type MigrationParameters = { 'announce-initial'?: number; 'announce-max'?: number; 'announce-rounds'?: number; 'announce-step'?: number; 'compress-level'?: number; 'compress-threads'?: number; 'compress-wait-thread'?: boolean; 'decompress-threads'?: number; 'throttle-trigger-threshold'?: number; 'cpu-throttle-initial'?: number; 'cpu-throttle-increment'?: number; 'cpu-throttle-tailslow'?: boolean; 'tls-creds'?: string; 'tls-hostname'?: string; 'tls-authz'?: string; 'max-bandwidth'?: number; 'downtime-limit'?: number; 'x-checkpoint-delay'?: number; 'block-incremental'?: boolean; 'multifd-channels'?: number; 'xbzrle-cache-size'?: number; 'max-postcopy-bandwidth'?: number; 'max-cpu-throttle'?: number; 'multifd-compression'?: MultiFDCompression; 'multifd-zlib-level'?: number; 'multifd-zstd-level'?: number };
export type MigrationStats = { 'transferred': number; 'remaining': number; 'total': number; 'duplicate': number; 'skipped': number; 'normal': number; 'normal-bytes': number; 'dirty-pages-rate': number; 'mbps': number; 'dirty-sync-count': number; 'postcopy-requests': number; 'page-size': number; 'multifd-bytes': number; 'pages-per-second': number; 'precopy-bytes': number; 'downtime-bytes': number; 'postcopy-bytes': number; 'dirty-sync-missed-zero-copy': number };
export type MigrationStatus = 'none' | 'setup' | 'cancelling' | 'cancelled' | 'active' | 'postcopy-active' | 'postcopy-paused' | 'postcopy-recover' | 'completed' | 'failed' | 'colo' | 'pre-switchover' | 'device' | 'wait-unplug';
export type MouseInfo = { 'name': string; 'index': number; 'current': boolean; 'absolute': boolean };
export type MultiFDCompression = 'none' | 'zlib' | 'zstd';
export type NameInfo = { 'name'?: string };
export type ObjectPropertyInfo = { 'name': string; 'type': string; 'description'?: string; 'default-value'?: unknown };
export type ObjectTypeInfo = { 'name': string; 'abstract'?: boolean; 'parent'?: string };
export type PanicAction = 'pause' | 'shutdown' | 'exit-failure' | 'none';
export type PciDeviceClass = { 'desc'?: string; 'class': number };
export type PciDeviceId = { 'device': number; 'vendor': number; 'subsystem'?: number; 'subsystem-vendor'?: number };
export type PciDeviceInfo = { 'bus': number; 'slot': number; 'function': number; 'class_info': PciDeviceClass; 'id': PciDeviceId; 'irq'?: number; 'irq_pin': number; 'qdev_id': string; 'regions': Array<PciMemoryRegion> };
export type PciInfo = { 'bus': number; 'devices': Array<PciDeviceInfo> };
export type PciMemoryRegion = { 'bar': number; 'type': string; 'address': number; 'size': number; 'prefetch'?: boolean; 'mem_type_64'?: boolean };
export type QCryptoSecretFormat = 'raw' | 'base64';
export type QKeyCode = 'unmapped' | 'shift' | 'shift_r' | 'alt' | 'alt_r' | 'ctrl' | 'ctrl_r' | 'menu' | 'esc' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | '0' | 'minus' | 'equal' | 'backspace' | 'tab' | 'q' | 'w' | 'e' | 'r' | 't' | 'y' | 'u' | 'i' | 'o' | 'p' | 'bracket_left' | 'bracket_right' | 'ret' | 'a' | 's' | 'd' | 'f' | 'g' | 'h' | 'j' | 'k' | 'l' | 'semicolon' | 'apostrophe' | 'grave_accent' | 'backslash' | 'z' | 'x' | 'c' | 'v' | 'b' | 'n' | 'm' | 'comma' | 'dot' | 'slash' | 'asterisk' | 'spc' | 'caps_lock' | 'f1' | 'f2' | 'f3' | 'f4' | 'f5' | 'f6' | 'f7' | 'f8' | 'f9' | 'f10' | 'num_lock' | 'scroll_lock' | 'kp_divide' | 'kp_multiply' | 'kp_subtract' | 'kp_add' | 'kp_enter' | 'kp_decimal' | 'sysrq' | 'kp_0' | 'kp_1' | 'kp_2' | 'kp_3' | 'kp_4' | 'kp_5' | 'kp_6' | 'kp_7' | 'kp_8' | 'kp_9' | 'less' | 'f11' | 'f12' | 'print' | 'home' | 'pgup' | 'pgdn' | 'end' | 'left' | 'up' | 'down' | 'right' | 'insert' | 'delete' | 'stop' | 'again' | 'props' | 'undo' | 'front' | 'copy' | 'open' | 'paste' | 'find' | 'cut' | 'lf' | 'help' | 'meta_l' | 'meta_r' | 'compose' | 'pause';
export type QMPCapability = 'oob';
export type RebootAction = 'reset' | 'shutdown';
export type ReplayInfo = { 'mode': ReplayMode; 'filename'?: string; 'icount': number };
export type ReplayMode = 'none' | 'record' | 'play';
export type RunState = 'debug' | 'inmigrate' | 'internal-error' | 'io-error' | 'paused' | 'postmigrate' | 'prelaunch' | 'finish-migrate' | 'restore-vm' | 'running' | 'save-vm' | 'shutdown' | 'suspended' | 'watchdog' | 'guest-panicked' | 'colo';
export type SchemaInfo = { 'name': string; 'meta-type': 'builtin'; 'features'?: Array<string>; 'json-type': JSONType } | { 'name': string; 'meta-type': 'enum'; 'features'?: Array<string>; 'members': Array<SchemaInfoEnumMember>; 'values': Array<string> } | { 'name': string; 'meta-type': 'array'; 'features'?: Array<string>; 'element-type': string } | { 'name': string; 'meta-type': 'object'; 'features'?: Array<string>; 'members': Array<SchemaInfoObjectMember>; 'tag'?: string; 'variants'?: Array<SchemaInfoObjectVariant> } | { 'name': string; 'meta-type': 'alternate'; 'features'?: Array<string>; 'members': Array<SchemaInfoAlternateMember> } | { 'name': string; 'meta-type': 'command'; 'features'?: Array<string>; 'arg-type': string; 'ret-type': string; 'allow-oob'?: boolean } | { 'name': string; 'meta-type': 'event'; 'features'?: Array<string>; 'arg-type': string };
export type SchemaInfoAlternateMember = { 'type': string };
export type SchemaInfoEnumMember = { 'name': string; 'features'?: Array<string> };
export type SchemaInfoObjectMember = { 'name': string; 'type': string; 'default'?: unknown; 'features'?: Array<string> };
export type SchemaInfoObjectVariant = { 'case': string; 'type': string };
export type ShutdownAction = 'poweroff' | 'pause';
export type ShutdownCause = 'none' | 'host-error' | 'host-qmp-quit' | 'host-qmp-system-reset' | 'host-signal' | 'host-ui' | 'guest-shutdown' | 'guest-reset' | 'guest-panic' | 'subsystem-reset' | 'snapshot-load';
export type SnapshotInfo = { 'id': string; 'name': string; 'vm-state-size': number; 'date-sec': number; 'date-nsec': number; 'vm-clock-sec': number; 'vm-clock-nsec': number; 'icount'?: number };
export type SocketAddress = { 'type': 'inet'; 'host': string; 'port': string; 'numeric'?: boolean; 'to'?: number; 'ipv4'?: boolean; 'ipv6'?: boolean; 'keep-alive'?: boolean; 'mptcp'?: boolean } | { 'type': 'unix'; 'path': string; 'abstract'?: boolean; 'tight'?: boolean } | { 'type': 'vsock'; 'cid': string; 'port': string } | { 'type': 'fd'; 'str': string };
export type SocketAddressLegacy = { 'type': 'inet'; 'data': InetSocketAddress } | { 'type': 'unix'; 'data': UnixSocketAddress } | { 'type': 'vsock'; 'data': VsockSocketAddress } | { 'type': 'fd'; 'data': String };
export type StatusInfo = { 'running': boolean; 'singlestep': boolean; 'status': RunState };
export type String = { 'str': string };
export type SysEmuTarget = 'i386' | 'mips' | 'mips64' | 'mips64el' | 'mipsel' | 'x86_64';
export type TargetInfo = { 'arch': SysEmuTarget };
export type UnixSocketAddress = { 'path': string; 'abstract'?: boolean; 'tight'?: boolean };
export type UuidInfo = { 'UUID': string };
export type VersionInfo = { 'qemu': VersionTriple; 'package': string };
export type VersionTriple = { 'major': number; 'minor': number; 'micro': number };
export type VsockSocketAddress = { 'cid': string; 'port': string };
export type WatchdogAction = 'reset' | 'shutdown' | 'poweroff' | 'pause' | 'debug' | 'none' | 'inject-nmi';
export type XBlock = { 'address': string; 'insns': number; 'bytes': number; 'ir': string; 'optimised': string; 'module': string };
export type XDevice = { 'name': string; 'what': string; 'ranges': Array<XRange>; 'state': string };
export type XIcountInfo = { 'icount': number; 'virtual-ns': number; 'shift'?: number };
export type XInsn = { 'address': string; 'data': string; 'text': string };
export type XJitInfo = { 'insns': number; 'interpreted': number; 'lifted': number; 'blocks': number; 'regions': number; 'modules': number; 'module-bytes': number; 'calls': number; 'flushes': number; 'evicted': number; 'slow-accesses': number; 'exceptions': number };
export type XMemory = { 'address': string; 'data': string };
export type XRange = { 'first': string; 'last': string };
export type XRegister = { 'name': string; 'alias'?: string; 'number'?: number; 'group': string; 'bits': number; 'value': string };
export type XRegisters = { 'pc': string; 'icount': number; 'halted': boolean; 'address-digits': number; 'registers': Array<XRegister> };
export type XSetupKind = 'text' | 'file' | 'size' | 'int' | 'bool' | 'choice' | 'devices';
export type XSetupOption = { 'name': string; 'kind': XSetupKind; 'description': string; 'value'?: unknown; 'default'?: unknown; 'choices'?: Array<string> };
export type XTranslation = { 'address': string; 'physical'?: string; 'steps': Array<XTranslationStep> };
export type XTranslationStep = { 'what': string; 'found': string };
export type YankInstance = { 'type': 'block-node'; 'node-name': string } | { 'type': 'chardev'; 'id': string };

/** Commands: arguments and reply. */
export interface QmpCommands {
  /** Ends the negotiation; every session begins with it. */
  'qmp_capabilities': { in: { 'enable'?: Array<QMPCapability> }; out: Record<string, never> };
  /** The version of QEMU whose protocol this is, and as `package` our own. */
  'query-version': { in: {  }; out: VersionInfo };
  /** The commands' names. */
  'query-commands': { in: {  }; out: Array<CommandInfo> };
  /** Commands, events and types as data. */
  'query-qmp-schema': { in: {  }; out: Array<SchemaInfo> };
  /** Runs a line of the monitor for people and returns what it says. */
  'human-monitor-command': { in: { 'command-line': string; 'cpu-index'?: number }; out: string };
  /** Whether the machine runs and, if not, why. */
  'query-status': { in: {  }; out: StatusInfo };
  /** Makes the machine and, without `-S`, starts it. RESUME comes when it runs. */
  'x-exit-preconfig': { in: {  }; out: Record<string, never> };
  /** Stops the machine. STOP comes if it ran. */
  'stop': { in: {  }; out: Record<string, never> };
  /** Lets the machine run. RESUME comes if it did not. */
  'cont': { in: {  }; out: Record<string, never> };
  /** The reset button. RESET comes, or SHUTDOWN where a reset ends the machine. */
  'system_reset': { in: {  }; out: Record<string, never> };
  /** The power button. POWERDOWN comes; what the guest does is its own affair. */
  'system_powerdown': { in: {  }; out: Record<string, never> };
  /** Wakes a suspended machine. */
  'system_wakeup': { in: {  }; out: Record<string, never> };
  /** A non-maskable interrupt. */
  'inject-nmi': { in: {  }; out: Record<string, never> };
  /** Ends the emulator. SHUTDOWN comes first. */
  'quit': { in: {  }; out: Record<string, never> };
  /** What happens at a reset or power-off of the guest, when it breaks (pvpanic-pci), and when it does not keep a watchdog (i6300esb) quiet. */
  'set-action': { in: { 'reboot'?: RebootAction; 'shutdown'?: ShutdownAction; 'panic'?: PanicAction; 'watchdog'?: WatchdogAction }; out: Record<string, never> };
  /** What a watchdog (i6300esb) does. WATCHDOG comes. */
  'watchdog-set-action': { in: { 'action': WatchdogAction }; out: Record<string, never> };
  /** Saves the machine, with what its disks hold beside images that are only read, to `file:PATH` or, natively, to `tcp:HOST:PORT`, `unix:PATH`, the descriptor `fd:NAME` of `getfd`, or the input of `exec:COMMAND`. Once the place is there the machine stops (finish-migrate), and its state goes out while monitors are answered; then it is postmigrate. If the place is lost, or at `migrate_cancel`, it runs on. STOP comes if it ran, and MIGRATION if the capability `events` is set. With `background-snapshot` it runs on as soon as its state is taken. */
  'migrate': { in: { 'uri': string; 'blk'?: boolean; 'inc'?: boolean; 'detach'?: boolean; 'resume'?: boolean }; out: Record<string, never> };
  /** Loads the machine's state from such a place: sockets are listened on (`query-migrate` has their address), `fd:` takes a number too. It runs on if it ran when it was saved, unless `-S` was given. A state that is refused leaves the machine waiting, for another command, where QEMU ends; a place of the command line ends the program. */
  'migrate-incoming': { in: { 'uri': string }; out: Record<string, never> };
  /** Cancels what `migrate` began: the machine does what it did before. Nothing happens if nothing is under way. */
  'migrate_cancel': { in: {  }; out: Record<string, never> };
  /** Goes on where the capability `pause-before-switchover` stopped it. */
  'migrate-continue': { in: { 'state': MigrationStatus }; out: Record<string, never> };
  /** Sets parameters. `max-bandwidth` (bytes per second, 0 for all there are) is honoured, even by what is under way; the others are kept and have no effect. */
  'migrate-set-parameters': { in: { 'announce-initial'?: number; 'announce-max'?: number; 'announce-rounds'?: number; 'announce-step'?: number; 'compress-level'?: number; 'compress-threads'?: number; 'compress-wait-thread'?: boolean; 'decompress-threads'?: number; 'throttle-trigger-threshold'?: number; 'cpu-throttle-initial'?: number; 'cpu-throttle-increment'?: number; 'cpu-throttle-tailslow'?: boolean; 'tls-creds'?: string | null; 'tls-hostname'?: string | null; 'tls-authz'?: string | null; 'max-bandwidth'?: number; 'downtime-limit'?: number; 'x-checkpoint-delay'?: number; 'block-incremental'?: boolean; 'multifd-channels'?: number; 'xbzrle-cache-size'?: number; 'max-postcopy-bandwidth'?: number; 'max-cpu-throttle'?: number; 'multifd-compression'?: MultiFDCompression; 'multifd-zlib-level'?: number; 'multifd-zstd-level'?: number }; out: Record<string, never> };
  /** The parameters. */
  'query-migrate-parameters': { in: {  }; out: MigrationParameters };
  /** Names the descriptor that came with this command (SCM_RIGHTS on a unix socket), for `fd:NAME`. */
  'getfd': { in: { 'fdname': string }; out: Record<string, never> };
  /** Closes it. */
  'closefd': { in: { 'fdname': string }; out: Record<string, never> };
  /** How far the migration is that is under way, or how the last one went; nothing if there was none. */
  'query-migrate': { in: {  }; out: MigrationInfo };
  /** The capabilities. */
  'query-migrate-capabilities': { in: {  }; out: Array<MigrationCapabilityStatus> };
  /** Sets capabilities. `events`, `pause-before-switchover` and `background-snapshot` have an effect; those that only make QEMU faster (xbzrle, multifd and so on) are kept. */
  'migrate-set-capabilities': { in: { 'capabilities': Array<MigrationCapabilityStatus> }; out: Record<string, never> };
  /** Saves the machine to a file, as `migrate` does, before the answer; then it goes on, if it ran. Without `images`, pages that are as the kernel, initial RAM disk and firmware made them are left out: the file is loaded only beside the same ones. */
  'x-snapshot-save': { in: { 'file': string; 'images'?: boolean }; out: Record<string, never> };
  /** The machine becomes the one of a file that `migrate` or `x-snapshot-save` wrote, before the answer. It runs then if it runs now. */
  'x-snapshot-load': { in: { 'file': string }; out: Record<string, never> };
  /** Makes a snapshot of these drives inside their images, with the machine's state in the one of `vmstate`, as a job that is done in one go after the answer. A machine that runs stands still meanwhile. */
  'snapshot-save': { in: { 'job-id': string; 'tag': string; 'vmstate': string; 'devices': Array<string> }; out: Record<string, never> };
  /** Goes back to such a snapshot. */
  'snapshot-load': { in: { 'job-id': string; 'tag': string; 'vmstate': string; 'devices': Array<string> }; out: Record<string, never> };
  /** Removes such a snapshot. */
  'snapshot-delete': { in: { 'job-id': string; 'tag': string; 'devices': Array<string> }; out: Record<string, never> };
  /** The jobs that were not dismissed, the latest first. */
  'query-jobs': { in: {  }; out: Array<JobInfo> };
  /** Forgets a job that is over. */
  'job-dismiss': { in: { 'id': string }; out: Record<string, never> };
  /** Ends a job; as each is done in one go, there never is one to end. */
  'job-cancel': { in: { 'id': string }; out: Record<string, never> };
  /** Every option of the machine's making, with its kind, choices, default and value. */
  'x-machine-options': { in: {  }; out: Array<XSetupOption> };
  /** Changes one of these options; null takes a value away. */
  'x-machine-set': { in: { 'name': string; 'value': unknown }; out: Record<string, never> };
  /** A NUMA setting. */
  'set-numa-node': { in: { 'type': 'node'; 'nodeid'?: number; 'cpus'?: Array<number>; 'mem'?: number; 'memdev'?: string; 'initiator'?: number } | { 'type': 'dist'; 'src': number; 'dst': number; 'val': number } | { 'type': 'cpu'; 'node-id'?: number; 'socket-id'?: number; 'die-id'?: number; 'cluster-id'?: number; 'core-id'?: number; 'thread-id'?: number } | { 'type': 'hmat-lb'; 'initiator': number; 'target': number; 'hierarchy': HmatLBMemoryHierarchy; 'data-type': HmatLBDataType; 'latency'?: number; 'bandwidth'?: number } | { 'type': 'hmat-cache'; 'node-id': number; 'size': number; 'level': number; 'associativity': HmatCacheAssociativity; 'policy': HmatCacheWritePolicy; 'line': number }; out: Record<string, never> };
  /** CPUs and places for them: on the PC the one that is there. */
  'query-hotpluggable-cpus': { in: {  }; out: Array<HotpluggableCPU> };
  /** The boards. */
  'query-machines': { in: {  }; out: Array<MachineInfo> };
  /** What this machine can do. */
  'query-current-machine': { in: {  }; out: CurrentMachineParams };
  /** The CPU models. */
  'query-cpu-definitions': { in: {  }; out: Array<CpuDefinitionInfo> };
  /** What a CPU model is, as features and numbers, with features changed as `props` says; `static` tells it as changes of `base`, which has none. Features are those that this program knows, less what it does not implement. */
  'query-cpu-model-expansion': { in: { 'type': CpuModelExpansionType; 'model': CpuModelInfo }; out: CpuModelExpansionInfo };
  /** The vCPUs. */
  'query-cpus-fast': { in: {  }; out: Array<CpuInfoFast> };
  /** The emulated architecture. */
  'query-target': { in: {  }; out: TargetInfo };
  /** Whether KVM runs the guest: never. */
  'query-kvm': { in: {  }; out: KvmInfo };
  /** The machine's name, if it has one (`-name`). */
  'query-name': { in: {  }; out: NameInfo };
  /** The machine's UUID (`-uuid`). */
  'query-uuid': { in: {  }; out: UuidInfo };
  /** Command-line options that take a list of parameters. */
  'query-command-line-options': { in: { 'option'?: string }; out: Array<CommandLineOptionInfo> };
  /** Whether a run is recorded or replayed: neither. */
  'query-replay': { in: {  }; out: ReplayInfo };
  /** The devices of the PCI bus, as their configuration registers say at present. */
  'query-pci': { in: {  }; out: Array<PciInfo> };
  /** The machine's generation. */
  'query-vm-generation-id': { in: {  }; out: GuidInfo };
  /** How much memory there is. */
  'query-memory-size-summary': { in: {  }; out: MemoryInfo };
  /** The memory backends. */
  'query-memdev': { in: {  }; out: Array<Memdev> };
  /** Writes guest memory at a virtual address into a file of the host. */
  'memsave': { in: { 'val': number; 'size': number; 'filename': string; 'cpu-index'?: number }; out: Record<string, never> };
  /** Writes guest memory at a physical address into a file of the host. What is no memory reads as zeros. */
  'pmemsave': { in: { 'val': number; 'size': number; 'filename': string }; out: Record<string, never> };
  /** Writes memory and registers as an ELF core file (`file:PATH`), which gdb and crash read. DUMP_COMPLETED comes. `paging` and `detach` change nothing. */
  'dump-guest-memory': { in: { 'paging': boolean; 'protocol': string; 'detach'?: boolean; 'begin'?: number; 'length'?: number; 'format'?: DumpGuestMemoryFormat }; out: Record<string, never> };
  /** How the last dump went. */
  'query-dump': { in: {  }; out: DumpQueryResult };
  /** The formats of dumps. */
  'query-dump-guest-memory-capability': { in: {  }; out: DumpGuestMemoryCapability };
  /** Asks the guest for memory. */
  'balloon': { in: { 'value': number }; out: Record<string, never> };
  /** How much memory the guest has given. */
  'query-balloon': { in: {  }; out: BalloonInfo };
  /** The properties and children of an object. The tree is the board's own: `/machine/unattached` has its devices. */
  'qom-list': { in: { 'path': string }; out: Array<ObjectPropertyInfo> };
  /** A property's value. */
  'qom-get': { in: { 'path': string; 'property': string }; out: unknown };
  /** Sets a property. Those of `/machine` can be set in preconfig. */
  'qom-set': { in: { 'path': string; 'property': string; 'value': unknown }; out: Record<string, never> };
  /** The types of objects. */
  'qom-list-types': { in: { 'implements'?: string; 'abstract'?: boolean }; out: Array<ObjectTypeInfo> };
  /** The properties of a type. */
  'qom-list-properties': { in: { 'typename': string }; out: Array<ObjectPropertyInfo> };
  /** The properties of a type of devices. */
  'device-list-properties': { in: { 'typename': string }; out: Array<ObjectPropertyInfo> };
  /** Makes an object. */
  'object-add': { in: { 'qom-type': 'iothread'; 'id': string; 'aio-max-batch'?: number; 'thread-pool-min'?: number; 'thread-pool-max'?: number; 'poll-max-ns'?: number; 'poll-grow'?: number; 'poll-shrink'?: number } | { 'qom-type': 'memory-backend-ram'; 'id': string; 'dump'?: boolean; 'host-nodes'?: Array<number>; 'merge'?: boolean; 'policy'?: HostMemPolicy; 'prealloc'?: boolean; 'prealloc-threads'?: number; 'prealloc-context'?: string; 'share'?: boolean; 'reserve'?: boolean; 'size': number; 'x-use-canonical-path-for-ramblock-id'?: boolean } | { 'qom-type': 'rng-builtin'; 'id': string; 'opened'?: boolean } | { 'qom-type': 'rng-random'; 'id': string; 'opened'?: boolean; 'filename'?: string } | { 'qom-type': 'secret'; 'id': string; 'loaded'?: boolean; 'format'?: QCryptoSecretFormat; 'keyid'?: string; 'iv'?: string; 'data'?: string; 'file'?: string } | { 'qom-type': 'throttle-group'; 'id': string }; out: Record<string, never> };
  /** Removes an object. */
  'object-del': { in: { 'id': string }; out: Record<string, never> };
  /** The objects of type iothread. They are there and do nothing. */
  'query-iothreads': { in: {  }; out: Array<IOThreadInfo> };
  /** Plugs a card into the PCI bus: e1000, rtl8139, ne2k_pci, pcnet, virtio-net-pci, virtio-blk-pci, virtio-rng-pci, virtio-balloon-pci, i6300esb (a watchdog) or pvpanic-pci, with the properties addr, mac, netdev, drive, rng. */
  'device_add': { in: { 'driver': string; 'bus'?: string; 'id'?: string }; out: Record<string, never> };
  /** Unplugs a card. DEVICE_DELETED comes: on Malta at once, on the PC when the guest, which is asked by ACPI, ejects it, or at the next reset. */
  'device_del': { in: { 'id': string }; out: Record<string, never> };
  /** Makes a network back end: a network of its own with a way out by address translation (user), frames in a TCP connection or in datagrams (socket, stream, dgram), or a port of a hub, for cards of this machine. */
  'netdev_add': { in: { 'id': string; 'type': 'user'; 'hostname'?: string; 'restrict'?: boolean; 'ipv4'?: boolean; 'ipv6'?: boolean; 'ip'?: string; 'net'?: string; 'host'?: string; 'tftp'?: string; 'bootfile'?: string; 'dhcpstart'?: string; 'dns'?: string; 'dnssearch'?: Array<String>; 'domainname'?: string; 'ipv6-prefix'?: string; 'ipv6-prefixlen'?: number; 'ipv6-host'?: string; 'ipv6-dns'?: string; 'smb'?: string; 'smbserver'?: string; 'hostfwd'?: Array<String>; 'guestfwd'?: Array<String>; 'tftp-server-name'?: string } | { 'id': string; 'type': 'hubport'; 'hubid': number; 'netdev'?: string } | { 'id': string; 'type': 'socket'; 'fd'?: string; 'listen'?: string; 'connect'?: string; 'mcast'?: string; 'localaddr'?: string; 'udp'?: string } | { 'id': string; 'type': 'stream'; 'addr': SocketAddress; 'server'?: boolean } | { 'id': string; 'type': 'dgram'; 'local'?: SocketAddress; 'remote'?: SocketAddress }; out: Record<string, never> };
  /** Removes one. */
  'netdev_del': { in: { 'id': string }; out: Record<string, never> };
  /** Takes the link of a network interface or back end down, or up again. Frames are lost while it is down; cards do not tell their drivers. */
  'set_link': { in: { 'name': string; 'up': boolean }; out: Record<string, never> };
  /** The drives and what is in them. */
  'query-block': { in: {  }; out: Array<BlockInfo> };
  /** What the drives have done. Times are not measured: they are 0. */
  'query-blockstats': { in: { 'query-nodes'?: boolean }; out: Array<BlockStats> };
  /** The images in the drives. */
  'query-named-block-nodes': { in: { 'flat'?: boolean }; out: Array<BlockDeviceInfo> };
  /** Opens an image by name: `file` with a filename, `raw` or `qcow2` over a file (options or the name of a node), `null-co` with a size. */
  'blockdev-add': { in: { 'driver': BlockdevDriver; 'node-name'?: string; 'read-only'?: boolean }; out: Record<string, never> };
  /** Closes it. */
  'blockdev-del': { in: { 'node-name': string }; out: Record<string, never> };
  /** Puts such an image into a drive that is empty and open. */
  'blockdev-insert-medium': { in: { 'id': string; 'node-name': string }; out: Record<string, never> };
  /** Changes the size of what is in a drive, in bytes. The guest finds it at its next look. */
  'block_resize': { in: { 'device'?: string; 'node-name'?: string; 'size': number }; out: Record<string, never> };
  /** Opens an image and puts it into a drive. DEVICE_TRAY_MOVED comes if the tray was open. */
  'blockdev-change-medium': { in: { 'device'?: string; 'id'?: string; 'filename': string; 'format'?: string; 'force'?: boolean; 'read-only-mode'?: BlockdevChangeReadOnlyMode }; out: Record<string, never> };
  /** Opens a drive's tray and takes out what is in it. DEVICE_TRAY_MOVED comes. */
  'eject': { in: { 'device'?: string; 'id'?: string; 'force'?: boolean }; out: Record<string, never> };
  /** Opens a drive's tray. DEVICE_TRAY_MOVED comes. The guest finds the drive empty until it is closed. */
  'blockdev-open-tray': { in: { 'device'?: string; 'id'?: string; 'force'?: boolean }; out: Record<string, never> };
  /** Closes a drive's tray. DEVICE_TRAY_MOVED comes. */
  'blockdev-close-tray': { in: { 'device'?: string; 'id'?: string }; out: Record<string, never> };
  /** Takes out what is in a drive whose tray is open. */
  'blockdev-remove-medium': { in: { 'id': string }; out: Record<string, never> };
  /** The character devices. */
  'query-chardev': { in: {  }; out: Array<ChardevInfo> };
  /** The kinds of character devices. */
  'query-chardev-backends': { in: {  }; out: Array<ChardevBackendInfo> };
  /** Makes a character device. */
  'chardev-add': { in: { 'id': string; 'backend': ChardevBackend }; out: ChardevReturn };
  /** Removes a character device. */
  'chardev-remove': { in: { 'id': string }; out: Record<string, never> };
  /** Leads a character device elsewhere; whoever uses it goes on. */
  'chardev-change': { in: { 'id': string; 'backend': ChardevBackend }; out: ChardevReturn };
  /** Sends a break to whoever uses a character device. No serial port of ours notices. */
  'chardev-send-break': { in: { 'id': string }; out: Record<string, never> };
  /** Writes into a ring buffer. */
  'ringbuf-write': { in: { 'device': string; 'data': string; 'format'?: DataFormat }; out: Record<string, never> };
  /** Takes bytes out of a ring buffer. */
  'ringbuf-read': { in: { 'device': string; 'size': number; 'format'?: DataFormat }; out: string };
  /** Things whose network connection could hang: none of ours can. */
  'query-yank': { in: {  }; out: Array<YankInstance> };
  /** Tears such connections down. */
  'yank': { in: { 'instances': Array<YankInstance> }; out: Record<string, never> };
  /** Presses keys and lets them go, at once: `hold-time` is not waited for, the keyboard sends in order. The PC has a keyboard; on Malta keys are lost. */
  'send-key': { in: { 'keys': Array<KeyValue>; 'hold-time'?: number }; out: Record<string, never> };
  /** Keys, buttons and movements. Nothing takes absolute places. */
  'input-send-event': { in: { 'device'?: string; 'head'?: number; 'events': Array<InputEvent> }; out: Record<string, never> };
  /** Writes the display's picture into a file of the host. */
  'screendump': { in: { 'filename': string; 'device'?: string; 'head'?: number; 'format'?: ImageFormat }; out: Record<string, never> };
  /** The mice: the PC has one, PS/2. */
  'query-mice': { in: {  }; out: Array<MouseInfo> };
  /** The display: none yet. */
  'query-display-options': { in: {  }; out: DisplayOptions };
  /** The interrupt controllers, as text. */
  'x-query-irq': { in: {  }; out: HumanReadableText };
  /** The tiers and the compiler, as text. `x-jit` has the figures. */
  'x-query-jit': { in: {  }; out: HumanReadableText };
  /** NUMA, as text. */
  'x-query-numa': { in: {  }; out: HumanReadableText };
  /** The memory blocks, as text. */
  'x-query-ramblock': { in: {  }; out: HumanReadableText };
  /** What was loaded into memory, as text. */
  'x-query-roms': { in: {  }; out: HumanReadableText };
  /** Figures of interpreter and compiler. */
  'x-jit': { in: {  }; out: XJitInfo };
  /** Instructions retired and virtual time. */
  'x-icount': { in: {  }; out: XIcountInfo };
  /** The vCPU's registers by gdb's names, with the names that assembly programs use. Values are hexadecimal. */
  'x-registers': { in: {  }; out: XRegisters };
  /** Memory at a virtual or physical address, as hexadecimal digits, up to the first byte that is none. Devices are left alone. */
  'x-memory-read': { in: { 'address': string; 'size': number; 'physical'?: boolean }; out: XMemory };
  /** Writes memory, rights notwithstanding. */
  'x-memory-write': { in: { 'address': string; 'data': string; 'physical'?: boolean }; out: Record<string, never> };
  /** Instructions from an address on, the pc's if none is given. */
  'x-disassemble': { in: { 'address'?: string; 'count'?: number; 'physical'?: boolean }; out: Array<XInsn> };
  /** How the MMU would translate an address now: which entries it looks at, and what is in them. Without any effect. */
  'x-translate': { in: { 'address': string }; out: XTranslation };
  /** The block of code at an address, the pc's if none is given: as IR, as IR after the passes, and as the WebAssembly module (hexadecimal) that it would be alone. */
  'x-block': { in: { 'address'?: string }; out: XBlock };
  /** The board's devices, where they answer, and what they say of their registers. */
  'x-devices': { in: {  }; out: Array<XDevice> };
}

/** Events and their data. */
export interface QmpEvents {
  /** The machine goes down: the emulator ends, or the machine stops and stays. */
  SHUTDOWN: { 'guest': boolean; 'reason': ShutdownCause };
  /** The power button was pressed. */
  POWERDOWN: {  };
  /** The machine was reset. */
  RESET: { 'guest': boolean; 'reason': ShutdownCause };
  /** A migration came this far. Only with the capability `events`. */
  MIGRATION: { 'status': MigrationStatus };
  /** Memory is being saved, for the first and only time. Only with the capability `events`. */
  MIGRATION_PASS: { 'pass': number };
  /** A job came this far. */
  JOB_STATUS_CHANGE: { 'id': string; 'status': JobStatus };
  /** The guest set its clock. */
  RTC_CHANGE: { 'offset': number; 'qom-path': string };
  /** A drive could not be read or written; `action` says what follows. */
  BLOCK_IO_ERROR: { 'device': string; 'node-name'?: string; 'operation': IoOperationType; 'action': BlockErrorAction; 'nospace'?: boolean; 'reason': string };
  /** A device is gone. */
  DEVICE_DELETED: { 'device'?: string; 'path': string };
  /** A dump is done. */
  DUMP_COMPLETED: { 'result': DumpQueryResult; 'error'?: string };
  /** A watchdog was not kept quiet; `action` is what follows. */
  WATCHDOG: { 'action': WatchdogAction };
  /** The guest broke; `action` is what follows. */
  GUEST_PANICKED: { 'action': GuestPanicAction };
  /** The guest broke, and another one is to find out why. */
  GUEST_CRASHLOADED: { 'action': GuestPanicAction };
  /** The machine stopped. */
  STOP: {  };
  /** The machine runs. */
  RESUME: {  };
  /** A drive's tray was opened or closed. */
  DEVICE_TRAY_MOVED: { 'device': string; 'id': string; 'tray-open': boolean };
}
