use super::*;

fn measured() -> Measured {
    Measured {
        rate_a_core: 10_000.0,
        utilisation: 0.4,
        bytes: 4_000.0,
        requests_a_connection: 100.0,
        connection_seconds: 60.0,
    }
}

fn gateway(at_least: f64) -> Service {
    Service::Gateway {
        instance: "c7g.large".to_owned(),
        at_least,
    }
}

fn close(is: f64, should: f64) {
    assert!(
        (is - should).abs() <= should.abs() * 1e-3,
        "{is}, not {should}"
    );
}

#[test]
fn an_api_is_paid_by_tiers() {
    let prices = prices();
    // By hand: 333 × 3.50 = 1165.50; + 667 × 2.80 = 3033.10; + 1,000 × 2.38 = 5413.10;
    // to 20,000 million 3033.10 + 19,000 × 2.38 = 48253.10, and 1,000 × 1.51 beyond.
    for (million, rest, http) in [
        (1.0, 3.50, 1.0),
        (100.0, 350.0, 100.0),
        (333.0, 1165.5, 329.7),
        (1_000.0, 3033.1, 930.0),
        (2_000.0, 5413.1, 1830.0),
        (21_000.0, 49_763.1, 18_930.0),
    ] {
        let of = |service| of(&prices, &service, &measured(), million * 1e6).expect("a price");
        close(of(Service::RestApi), rest);
        close(of(Service::HttpApi), http);
    }
}

#[test]
fn an_http_api_counts_each_512_kib() {
    let prices = prices();
    for (bytes, dollars) in [
        (0.0, 1.0),
        (524_288.0, 1.0),
        (524_289.0, 2.0),
        (1_048_576.0, 2.0),
    ] {
        close(prices.http_api.month(1e6, bytes), dollars);
    }
    close(prices.rest_api.month(1e6, 9e6), 3.5);
}

#[test]
fn a_function_is_paid_by_time_and_memory() {
    // By hand: a million of 50 ms at 128 MB are 6,250 GB-seconds, $0.104.
    let prices = prices();
    for (milliseconds, memory, dollars) in [
        (50.0, 128.0, 0.3042),
        (49.2, 128.0, 0.3042),
        (100.0, 1024.0, 1.8667),
        (1.0, 512.0, 0.2083),
    ] {
        close(prices.lambda.million(milliseconds, memory), dollars);
    }
}

#[test]
fn a_balancer_is_paid_by_hours_and_its_most_used_measure() {
    let prices = prices();
    // 2,628 million a month are 1,000 a second: 10 connections a second, 600 at once, 14.4 GB an
    // hour. (0.0225 + 14.4 × 0.008) × 730 = 100.521; of an NLB (0.0225 + 14.4 × 0.006) × 730.
    close(
        of(&prices, &Service::Alb, &measured(), 2_628e6).expect("a price"),
        100.521,
    );
    close(balancer(&prices.nlb, &prices, &measured(), 2_628e6), 79.497);
    // A connection a request: 1,000 a second are 40 units of 25, 60,000 at once are 20.
    let single = Measured {
        requests_a_connection: 1.0,
        ..measured()
    };
    close(
        of(&prices, &Service::Alb, &single, 2_628e6).expect("a price"),
        250.025,
    );
}

#[test]
fn machines_are_added_as_they_are_needed() {
    let prices = prices();
    // One bears 10,000 × 2 × 0.4 = 8,000 a second: 21,024 million a month.
    for (requests, at_least, dollars) in [
        (1e6, 1.0, 52.925),
        (21_000e6, 1.0, 52.925),
        // A second one, and a balancer with 115.2 GB an hour: 105.85 + 16.425 + 504.6.
        (21_025e6, 1.0, 626.9),
        (1e6, 2.0, 122.3),
    ] {
        close(
            of(&prices, &gateway(at_least), &measured(), requests).expect("a price"),
            dollars,
        );
    }
    // 0.0725 / (8,000 × 3,600) × 1e6.
    let instance = prices.instance("c7g.large").expect("it is listed");
    close(million_at_rate(instance, &measured()), 0.002517);
}

#[test]
fn the_gateway_is_even_where_a_months_machine_is_paid() {
    let prices = prices();
    // 52.925 / 3.50 and / 1.00; with two (105.85 + 16.425) / (3.50 − 0.024) and / (1.00 − 0.024),
    // as a million of 4 kB is 4 GB through the balancer.
    for (other, at_least, million) in [
        (Service::RestApi, 1.0, 15.12),
        (Service::HttpApi, 1.0, 52.93),
        (Service::RestApi, 2.0, 35.18),
        (Service::HttpApi, 2.0, 125.3),
    ] {
        let even = even(&prices, &other, &gateway(at_least), &measured());
        close(even.expect("there is one"), million * 1e6);
    }
}

#[test]
fn a_gateway_that_bears_nothing_is_never_even() {
    let slow = Measured {
        rate_a_core: 0.001,
        ..measured()
    };
    assert_eq!(
        even(&prices(), &Service::HttpApi, &gateway(1.0), &slow),
        None
    );
    let unknown = Service::Gateway {
        instance: "x9.large".to_owned(),
        at_least: 1.0,
    };
    assert_eq!(
        even(&prices(), &Service::RestApi, &unknown, &measured()),
        None
    );
}

#[test]
fn volumes_rise_evenly_on_a_logarithmic_scale() {
    let volumes = volumes(1e6, 1e10, 4);
    for (is, should) in volumes.into_iter().zip([1e6, 1e7, 1e8, 1e9, 1e10]) {
        close(is, should);
    }
}

#[test]
fn every_price_names_its_source() {
    let prices = prices();
    let sources = [
        &prices.rest_api.source,
        &prices.http_api.source,
        &prices.lambda.source,
        &prices.alb.source,
        &prices.nlb.source,
        &prices.endpoint.source,
        &prices.address.source,
        &prices.disk.source,
        &prices.transfer.source,
    ];
    let of_instances = prices.instances.iter().map(|instance| &instance.source);
    assert!(
        sources
            .into_iter()
            .chain(of_instances)
            .all(|source| source.len() > 10)
    );
}
