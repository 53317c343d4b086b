//! Types of migrations.

use crate::schema::Type::{Bool, Enum as E, Int, List, Object as O, Str, StrOrNull, U8, U32, U64};
use crate::schema::{Enum, Object, Type, object, opt, req};

words! {
    /// How far a migration is.
    MIGRATION_STATUS = "MigrationStatus": "none" "setup" "cancelling" "cancelled" "active" "postcopy-active"
        "postcopy-paused" "postcopy-recover" "completed" "failed" "colo" "pre-switchover" "device" "wait-unplug";
    /// Ways to migrate.
    MIGRATION_CAPABILITY = "MigrationCapability": "xbzrle" "rdma-pin-all" "auto-converge" "zero-blocks" "compress" "events"
        "postcopy-ram" "x-colo" "release-ram" "block" "return-path" "pause-before-switchover" "multifd" "dirty-bitmaps"
        "postcopy-blocktime" "late-block-activate" "x-ignore-shared" "validate-uuid" "background-snapshot" "zero-copy-send"
        "postcopy-preempt";
    /// How QEMU's parallel channels compress.
    MULTIFD_COMPRESSION = "MultiFDCompression": "none" "zlib" "zstd";
}

objects! {
    /// What a migration did with memory.
    MIGRATION_STATS = "MigrationStats" {
        req "transferred" Int, req "remaining" Int, req "total" Int, req "duplicate" Int, req "skipped" Int, req "normal" Int,
        req "normal-bytes" Int, req "dirty-pages-rate" Int, req "mbps" Type::Number, req "dirty-sync-count" Int,
        req "postcopy-requests" Int, req "page-size" Int, req "multifd-bytes" Int, req "pages-per-second" Int,
        req "precopy-bytes" Int, req "downtime-bytes" Int, req "postcopy-bytes" Int, req "dirty-sync-missed-zero-copy" Int,
    };
    /// The last migration.
    MIGRATION_INFO = "MigrationInfo" {
        opt "status" E(&MIGRATION_STATUS), opt "ram" O(&MIGRATION_STATS), opt "total-time" Int, opt "downtime" Int,
        opt "setup-time" Int, opt "expected-downtime" Int, opt "error-desc" Str,
        opt "socket-address" List(&O(&super::LISTENED_ADDRESS)),
    };
    /// A way to migrate, and whether it is on.
    MIGRATION_CAPABILITY_STATUS = "MigrationCapabilityStatus" { req "capability" E(&MIGRATION_CAPABILITY), req "state" Bool };
    /// How far a migration is.
    MIGRATION_DATA = "" { req "status" E(&MIGRATION_STATUS) };
    /// Which pass over the memory.
    MIGRATION_PASS_DATA = "" { req "pass" Int };
    /// Parameters to be set.
    MIGRATE_SET_PARAMETERS = "MigrateSetParameters" {
        opt "announce-initial" U64, opt "announce-max" U64, opt "announce-rounds" U64, opt "announce-step" U64,
        opt "compress-level" U8, opt "compress-threads" U8, opt "compress-wait-thread" Bool, opt "decompress-threads" U8,
        opt "throttle-trigger-threshold" U8, opt "cpu-throttle-initial" U8, opt "cpu-throttle-increment" U8,
        opt "cpu-throttle-tailslow" Bool, opt "tls-creds" StrOrNull, opt "tls-hostname" StrOrNull, opt "tls-authz" StrOrNull,
        opt "max-bandwidth" U64, opt "downtime-limit" U64, opt "x-checkpoint-delay" U32, opt "block-incremental" Bool,
        opt "multifd-channels" U8, opt "xbzrle-cache-size" U64, opt "max-postcopy-bandwidth" U64, opt "max-cpu-throttle" U8,
        opt "multifd-compression" E(&MULTIFD_COMPRESSION), opt "multifd-zlib-level" U8, opt "multifd-zstd-level" U8,
    };
    /// The parameters.
    MIGRATION_PARAMETERS = "MigrationParameters" {
        opt "announce-initial" U64, opt "announce-max" U64, opt "announce-rounds" U64, opt "announce-step" U64,
        opt "compress-level" U8, opt "compress-threads" U8, opt "compress-wait-thread" Bool, opt "decompress-threads" U8,
        opt "throttle-trigger-threshold" U8, opt "cpu-throttle-initial" U8, opt "cpu-throttle-increment" U8,
        opt "cpu-throttle-tailslow" Bool, opt "tls-creds" Str, opt "tls-hostname" Str, opt "tls-authz" Str,
        opt "max-bandwidth" U64, opt "downtime-limit" U64, opt "x-checkpoint-delay" U32, opt "block-incremental" Bool,
        opt "multifd-channels" U8, opt "xbzrle-cache-size" U64, opt "max-postcopy-bandwidth" U64, opt "max-cpu-throttle" U8,
        opt "multifd-compression" E(&MULTIFD_COMPRESSION), opt "multifd-zlib-level" U8, opt "multifd-zstd-level" U8,
    };
}
