use super::*;
use crate::{
    chat::surface::{Act, TimeStyle, time},
    domain::RequestId,
};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000, 0).expect("in range")
}

fn draw(blocks: Vec<Block>) -> Vec<Value> {
    message(
        &Message {
            text: "t".into(),
            blocks,
        },
        now(),
    )["blocks"]
        .as_array()
        .expect("blocks")
        .clone()
}

fn say(line: &str) -> Act {
    Act::Say { line: line.into() }
}

#[test]
fn a_button_carries_its_act_and_an_id_of_its_own() {
    let request = RequestId("r1".into());
    let act = Act::Approve { request, revision: 3 };
    let button = Button::new("Approve 2 h", act.clone())
        .primary()
        .confirm(Confirm {
            title: "t".repeat(200),
            text: "x".repeat(400),
            yes: "y".repeat(40),
            no: "No".into(),
        });
    let drawn = draw(vec![Block::Buttons(vec![
        button,
        Button::new("n".repeat(300), say("mine")).danger(),
    ])]);
    let (first, second) = (&drawn[0]["elements"][0], &drawn[0]["elements"][1]);
    let back: Act = serde_json::from_str(first["value"].as_str().expect("a value")).expect("an act");
    assert_eq!(back, act);
    assert_eq!(
        (&first["action_id"], &second["action_id"]),
        (&json!("act-1"), &json!("act-2"))
    );
    assert_eq!(
        (&first["style"], &second["style"]),
        (&json!("primary"), &json!("danger"))
    );
    assert_eq!(
        units(first["confirm"]["title"]["text"].as_str().expect("text")),
        100
    );
    assert_eq!(
        units(first["confirm"]["text"]["text"].as_str().expect("text")),
        300
    );
    assert_eq!(
        units(first["confirm"]["confirm"]["text"].as_str().expect("text")),
        30
    );
    assert_eq!(units(second["text"]["text"].as_str().expect("text")), 75);
}

#[test]
fn an_act_that_does_not_fit_is_left_out_not_cut() {
    let drawn = draw(vec![Block::Buttons(vec![
        Button::new("long", say(&"x".repeat(2000))),
        Button::new("short", say("mine")),
    ])]);
    assert_eq!(drawn[0]["elements"].as_array().expect("elements").len(), 1);
    assert_eq!(drawn[0]["elements"][0]["text"]["text"], "short");
    assert!(draw(vec![Block::Buttons(vec![])]).is_empty());
}

#[test]
fn many_buttons_and_fields_go_into_several_blocks() {
    let buttons = (0..30).map(|n| Button::new(n.to_string(), say("mine"))).collect();
    let drawn = draw(vec![
        Block::Buttons(buttons),
        Block::Fields((0..12).map(|n| n.to_string()).collect()),
    ]);
    let sizes: Vec<usize> = drawn
        .iter()
        .map(|b| {
            b["elements"]
                .as_array()
                .or(b["fields"].as_array())
                .expect("a list")
                .len()
        })
        .collect();
    assert_eq!(sizes, [25, 5, 10, 2]);
}

#[test]
fn too_many_blocks_end_in_a_count_of_the_rest() {
    let drawn = draw((0..60).map(|n| Block::Text(n.to_string())).collect());
    assert_eq!(drawn.len(), 50);
    assert_eq!(drawn[48]["text"]["text"], "48");
    assert_eq!(drawn[49]["elements"][0]["text"], "… and 11 more");
    let at_home = home(
        &(0..120).map(|n| Block::Text(n.to_string())).collect::<Vec<_>>(),
        now(),
    );
    assert_eq!(at_home["blocks"].as_array().expect("blocks").len(), 100);
}

#[test]
fn a_message_never_outgrows_what_slack_takes_in_all() {
    let drawn = draw((0..50).map(|_| Block::Text("x".repeat(2999))).collect());
    assert!(drawn.iter().map(weight).sum::<usize>() <= UNITS_IN_MESSAGE);
    assert_eq!(drawn.len(), 50);
}

#[test]
fn empty_texts_are_left_out() {
    let none = vec![
        Block::Header(String::new()),
        Block::Text(String::new()),
        Block::Context(String::new()),
        Block::Fields(vec![String::new()]),
    ];
    assert!(draw(none).is_empty());
}

#[test]
fn a_header_spells_its_time_and_a_section_shows_it_in_the_readers_zone() {
    let text = format!("until {}", time(now(), TimeStyle::Minute));
    let drawn = draw(vec![
        Block::Header(text.clone()),
        Block::Text(text.clone()),
        Block::Context(text),
    ]);
    assert_eq!(drawn[0]["text"]["text"], "until 1970-01-12 13:46 UTC");
    assert_eq!(drawn[1]["text"]["type"], "mrkdwn");
    assert_eq!(drawn[2]["elements"][0]["type"], "mrkdwn");
}

#[test]
fn a_copied_value_is_exact() {
    let drawn = draw(vec![Block::Copy {
        label: "Run".into(),
        value: "a <b> & `c` *d*\n x".into(),
    }]);
    assert_eq!(drawn[0]["elements"][1]["type"], "rich_text_preformatted");
    assert_eq!(
        drawn[0]["elements"][1]["elements"][0]["text"],
        "a <b> & `c` *d*\n x"
    );
}

fn form(input: Input) -> Value {
    modal(
        &Modal {
            title: "A title longer than Slack takes".into(),
            submit: Some("Ask".into()),
            close: "Cancel".into(),
            callback: "{\"form\":\"request\"}".into(),
            blocks: vec![Block::Input(Field {
                id: "what".into(),
                label: "What".into(),
                hint: Some("h".into()),
                optional: true,
                input,
            })],
        },
        now(),
    )
}

#[test]
fn fields_of_a_form() {
    let text = form(Input::Text {
        initial: Some("x".repeat(200)),
        longest: 124,
        lines: Lines::Many,
    });
    assert_eq!(units(text["title"]["text"].as_str().expect("title")), 24);
    assert_eq!(text["private_metadata"], "{\"form\":\"request\"}");
    let block = &text["blocks"][0];
    assert_eq!(
        (&block["block_id"], &block["optional"], &block["hint"]["text"]),
        (&json!("what"), &json!(true), &json!("h"))
    );
    assert_eq!(block["element"]["max_length"], 124);
    assert_eq!(
        units(block["element"]["initial_value"].as_str().expect("text")),
        124
    );

    let choices: Vec<Choice> = (0..120)
        .map(|n| Choice {
            value: format!("v{n}"),
            label: "l".repeat(90),
        })
        .collect();
    let select = form(Input::Choice {
        options: choices,
        initial: Some("v7".into()),
    });
    let element = &select["blocks"][0]["element"];
    assert_eq!(element["options"].as_array().expect("options").len(), 100);
    assert_eq!(element["initial_option"], element["options"][7]);
    assert_eq!(
        units(element["initial_option"]["text"]["text"].as_str().expect("label")),
        75
    );

    let search = form(Input::Search {
        initial: Some(Choice {
            value: "v".into(),
            label: "V".into(),
        }),
    });
    assert_eq!(search["blocks"][0]["element"]["min_query_length"], 0);
    assert_eq!(search["blocks"][0]["element"]["initial_option"]["value"], "v");

    let nothing = form(Input::Choice {
        options: vec![],
        initial: None,
    });
    assert_eq!(
        nothing["blocks"][0]["text"]["text"],
        "What: nothing to choose from"
    );
}

#[test]
fn a_choice_whose_value_does_not_fit_is_left_out() {
    let loaded = options(&[
        Choice {
            value: "v".repeat(151),
            label: "long".into(),
        },
        Choice {
            value: "ok".into(),
            label: String::new(),
        },
        Choice {
            value: "ok".into(),
            label: "again".into(),
        },
    ]);
    assert_eq!(loaded["options"].as_array().expect("options").len(), 1);
    assert_eq!(loaded["options"][0]["text"]["text"], "ok");
}

/// A private key is the longest thing that is copied: Slack must get every line of it, and our own checker of Slack's
/// limits must take it.
#[test]
fn a_private_key_reaches_the_modal_whole() {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n",
        format!("{}\n", "k".repeat(64)).repeat(26)
    );
    let drawn = modal(
        &Modal {
            title: "Your credential".into(),
            submit: None,
            close: "Close".into(),
            callback: String::new(),
            blocks: vec![Block::Copy {
                label: "Private key".into(),
                value: pem.clone(),
            }],
        },
        now(),
    );
    let text = &drawn["blocks"][0]["elements"][1]["elements"][0]["text"];
    assert_eq!(text.as_str(), Some(pem.as_str()));
    assert!(units(&pem) <= TEXT, "a code block holds 3000");
}
