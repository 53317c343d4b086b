//! Where the linker puts things, for who cuts the module in two (`www/scripts/split.mjs`): a map, if `TINAMOU_MAP` names a file for it.

fn main() {
    println!("cargo::rerun-if-env-changed=TINAMOU_MAP");
    if let Some(file) = std::env::var_os("TINAMOU_MAP") {
        println!(
            "cargo::rustc-link-arg-cdylib=--Map={}",
            file.to_string_lossy()
        );
    }
}
