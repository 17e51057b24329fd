//! What is made for the stack fits it, and what a run will cost is said before.

mod loopback;

use crate::checks::Checks;
use crate::load::{Asked, Caller, Endpoint, Trust};
use crate::options::Scenario;
use crate::stage::Ground;

use super::*;
use loopback::{Stood, options};

#[test]
fn what_the_boxes_are_given_is_where_the_template_has_them() {
    assert!(TEMPLATE.contains(&format!("Nginx: {{Private: {}}}", boxes::NGINX.ip())));
    assert!(TEMPLATE.contains(&format!("Gateway: {{Private: {}}}", boxes::GATEWAY)));
    let places = boxes::Places::of_stack("eu-west-1", "mine");
    assert_eq!(
        places.gateway["gateway-mtls"].to_string(),
        "10.80.10.11:8444"
    );
    let home = tempfile::tempdir().expect("a directory");
    let material = Material::make(home.path()).expect("material");
    let program = home.path().join("program");
    std::fs::write(&program, "").expect("a file");
    let directory = home.path().join("boxes");
    boxes::pack(&directory, &material, &places, &program).expect("it is packed");
    let paths = std::fs::read_to_string(directory.join("gateway/paths")).expect("a list");
    assert_eq!(paths.lines().count(), 8);
    for path in paths.lines() {
        let file = directory.join("gateway").join(format!("{path}.toml"));
        let mistakes = countersign::config::Config::load(&file).err();
        assert!(mistakes.is_none(), "{path}: {mistakes:?}");
    }
    let with_lambda = std::fs::read_to_string(directory.join("gateway/lambda-512.toml"));
    assert!(
        with_lambda
            .expect("a file")
            .contains("function = \"mine-relay-512\"\nregion = \"eu-west-1\"")
    );
    let packed = std::fs::File::open(directory.join("relay.zip")).expect("an archive");
    let packed = zip::ZipArchive::new(packed).expect("an archive");
    let names: Result<Vec<_>, _> = packed.file_names().collect();
    assert_eq!(names.expect("names"), ["relay.py", "request.py"]);
}

#[test]
fn the_stack_may_have_the_machines_whose_price_is_known() {
    let line = TEMPLATE.lines().find(|line| line.contains("AllowedValues"));
    let line = line.expect("it says which");
    let prices = cost::prices();
    let names: Vec<&str> = prices.instances.iter().map(|one| &*one.name).collect();
    assert_eq!(
        line.trim(),
        format!("AllowedValues: [{}]", names.join(", "))
    );
}

#[test]
fn a_prefix_stands_before_each_target() {
    let home = tempfile::tempdir().expect("a directory");
    let ground = Ground::lay(home.path()).expect("nginx is installed");
    let url = format!("http://{}/child/", ground.origin_address());
    let endpoint = Endpoint::at(&url).expect("a URL");
    let trust = Trust::Public { more: None };
    let caller = Caller::new(&ground.material, endpoint, Checks::NONE, &trust).expect("a caller");
    let asked = Asked {
        target: "/random.txt",
        bytes: 1024,
    };
    let outcome = caller.closed(asked, 1, Duration::from_millis(1));
    assert!(outcome.served > 0, "{:?}", outcome.failed);
}

#[test]
fn what_it_costs_and_how_it_ends_is_said_before() {
    let home = tempfile::tempdir().expect("a directory");
    let ground = Ground::lay(home.path()).expect("nginx is installed");
    let options = Aws {
        scenario: Scenario {
            duration: 30.0,
            connections: 50,
            rounds: 3,
            rates: vec![1000, 4000],
            ..options(&ground, &Stood::default()).scenario
        },
        warm_up: 30.0,
        ..options(&ground, &Stood::default())
    };
    let outputs = Outputs::read(&options.outputs).expect("outputs");
    let prices = cost::prices();
    let instance = prices.instance("c7i.large").expect("it is listed");
    let all: Vec<&Remote> = ALL.iter().collect();
    let plan = plan(&options, &outputs, &all, instance);
    for part in [
        "16 paths, direct, elb,",
        // 16 × 570 s and 7 × 5 s.
        "Measuring takes 153 min",
        // 4 × 4.35 million and 3 × 5,000; 2 × 4.35 million and 5,000.
        "60.95  REST APIs, 17.4 million requests",
        "HTTP APIs, 8.7 million requests",
        "c7i.large, with balancers and all that stands, 4 h",
        "not verified: a disk",
        "aws cloudformation delete-stack --region us-east-1 --stack-name countersign-bench",
    ] {
        assert!(plan.contains(part), "{part} is not in {plan}");
    }
}
