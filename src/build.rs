//! In a static build for x86_64 with glibc the program has an entry of its own, before the
//! C library's (src/sys/entry.rs says why), and a release is linked without the tables for
//! unwinding, and with the code of the minimal init in one place.

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rustc-check-cfg=cfg(own_entry)");
    let is = |name: &str, wanted: &str| {
        std::env::var(name).is_ok_and(|value| value.split(',').any(|part| part == wanted))
    };
    if is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_POINTER_WIDTH", "64")
        && is("CARGO_CFG_TARGET_FEATURE", "crt-static")
        && std::env::var("CARGO_ENCODED_RUSTFLAGS")
            .is_ok_and(|flags| flags.contains("relocation-model=static"))
    {
        println!("cargo::rustc-cfg=own_entry");
        println!("cargo::rustc-link-arg-bin=rinit=-Wl,--entry=rinit_entry");
        // Another glibc may bring what src/sys/last_words.rs and src/sys/stand_ins.rs stand
        // in for all the same.
        println!("cargo::rustc-link-arg=-Wl,-z,muldefs");
        if is("PROFILE", "release") {
            let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
            for script in ["src/no-unwind.ld", "src/nearby.ld"] {
                println!("cargo::rerun-if-changed={script}");
                println!("cargo::rustc-link-arg-bin=rinit=-Wl,-T,{folder}/{script}");
            }
            println!("cargo::rustc-link-arg-bin=rinit=-Wl,--no-eh-frame-hdr");
            println!("cargo::rustc-link-arg-bin=rinit=-Wl,--icf=all");
        }
    }
}
