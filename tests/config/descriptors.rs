//! How many descriptors services of packages may have where an engine gave any number.

use rinit::config::{HardLimits, Outcome, load};
use rinit::core::exec::{Limit, Resource};

/// What becomes of each service's limits where rinit was started with this one.
fn limits(soft: u64) -> Vec<(String, Vec<(u64, u64)>)> {
    let path = std::env::temp_dir().join(format!(
        "rinit-descriptors-{}-{soft}.toml",
        std::process::id()
    ));
    let text = "[service.own]\ncommand = 'true'\n[service.web]\n[service.db]\n\
                [service.mail]\nlimit-nofile = 4096\n[init]\nunits = ['web', 'db', 'mail']\n";
    std::fs::write(&path, text).unwrap();
    let mut start = crate::request(&[&path]);
    start.unit_root = crate::folder().join("roots/scripts");
    start.descriptors = soft;
    start.hard_limits = HardLimits([1 << 30; Resource::ALL.len()]);
    let outcome = load(&start);
    std::fs::remove_file(&path).unwrap();
    let Outcome::Ready { spec, .. } = outcome else {
        panic!("refused: {}", crate::dump(&outcome));
    };
    let amounts = |limits: &[Limit]| {
        assert!(limits.iter().all(|own| own.resource == Resource::Nofile));
        limits.iter().map(|own| (own.soft, own.hard)).collect()
    };
    let services = spec.services.iter();
    services
        .map(|service| (service.name.to_string(), amounts(&service.exec.limits)))
        .collect()
}

#[test]
fn what_an_engine_gives_unasked_is_systemds_soft_limit_for_units_and_scripts() {
    let own = |name: &str, limits: &[(u64, u64)]| (name.to_owned(), limits.to_vec());
    let as_it_is = [
        own("own", &[]),
        own("web", &[]),
        own("db", &[]),
        own("mail", &[(4096, 4096)]),
    ];
    for soft in [1024, 65_536, 524_288] {
        assert_eq!(limits(soft), as_it_is, "{soft}");
    }
    for soft in [524_289, 1 << 30] {
        let lowered = [
            own("own", &[]),
            own("web", &[(1024, 1 << 30)]),
            own("db", &[(1024, 1 << 30)]),
            own("mail", &[(4096, 4096)]),
        ];
        assert_eq!(limits(soft), lowered, "{soft}");
    }
}
