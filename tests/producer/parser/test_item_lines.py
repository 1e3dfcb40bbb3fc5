# ruff: noqa: E501, RUF001 - tables are wider; typographic, full-width and foreign marks are what is tested here
"""Tables: short answers and what the parser makes of them."""

from __future__ import annotations

import pytest

from contract.messages import Item
from producer.parser import ItemParser, Parsed


def parse(text: str, *, complete: bool = True, max_item_chars: int = 200) -> Parsed:
    """All that one answer brings."""
    parser = ItemParser(max_item_chars=max_item_chars)
    first = parser.feed(text)
    last = parser.finish(complete=complete)
    return Parsed(first.items + last.items, first.refused + last.refused)


def texts(text: str) -> list[str]:
    """The items of an answer."""
    return [item.text for item in parse(text).items]


def reasons(text: str) -> list[str]:
    """Why parts of an answer were refused."""
    return [refusal.reason for refusal in parse(text).refused]


KEPT_WHOLE = [
    "747", "3D printing", "7 Wonders of the World", "1984", "2001: A Space Odyssey", "C", "C++", "C#", ".NET", "-ism",
    "A+", "*nix", "Go", "F#", "50 Cent", "24: Live Another Day", "10,000 Maniacs", "3.5 mm jack", "802.11", "-40 °C",
    "(500) Days of Summer", "Star Wars: A New Hope", "Mission: Impossible", "Notre-Dame", "Jean-Paul Sartre",
    "Spider-Man", "Ratio 3:1", "C:\\", "http://example.org/a:b", "Eiffel Tower (Paris)", "Paris, France",
    "Tyler, the Creator", "Crosby, Stills, Nash & Young", "Earth, Wind & Fire", "The Good, the Bad and the Ugly",
    "Apple Inc.", "U.S.", "Washington D.C.", "Warner Bros.", "Martin Luther King Jr.", "AT&T", "Yahoo!", "Jeopardy!",
    "Who Framed Roger Rabbit?", "Here Comes the Sun", "Here, There and Everywhere", "I Want to Hold Your Hand",
    "I'm Sorry", "Let It Be", "Let Me Know", "Sure Thing", "If You Had My Love", "I Can't Get No Satisfaction",
    "Of Mice and Men", "These Boots Are Made for Walkin'", "Note", "The Following", "You're So Vain",
    "The Lord of the Rings: The Fellowship of the Ring", "Birds of Prey: And the Emancipation of One Harley Quinn",
    "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb", "J. K. Rowling", "C. S. Lewis", "I. M. Pei",
    "A. A. Milne", "V. S. Naipaul", "St. Louis", "Mr. Bean", "Vitamin B12", "'Tis Pity She's a Whore", "Rock 'n' Roll",
    "snake_case_name", "__init__", "5 * 3", "a*b", "A*", "x < y", "<3", "vector<int>", "R&B", "#1 Crush",
    "No. 5 Chanel", "エッフェル塔", "برج إيفل", "Эйфелева башня", "東京タワー", "नमस्ते", "می‌خواهم", "♂", "👩‍🚀", "Queen – Bohemian Rhapsody",
    "Paris–Roubaix", "Who's Afraid of Virginia Woolf?", "Being There", "As I Lay Dying", "My Fair Lady", "And Then There Were None",
    "Nightcrawler [2014 film]", ":root", "!important", "100% Cotton", "+44", "Springfield, Illinois",
]  # fmt: skip


@pytest.mark.parametrize("line", KEPT_WHOLE)
def test_real_items_lose_nothing(line: str) -> None:
    """A name that resembles markup, numbering, a description or a sentence comes out exactly as it went in."""
    assert parse(f"Louvre\nOrsay\n{line}\nPantheon\n").items == (
        Item("Louvre"), Item("Orsay"), Item(line), Item("Pantheon"),
    )  # fmt: skip


MARKS = [
    "- {}", "* {}", "+ {}", "• {}", "•{}", "– {}", "— {}", "· {}", "▪ {}", "▪{}", "◦ {}", "> {}", "- [ ] {}", "- [x] {}",
    "[ ] {}", "☐ {}", "✅ {}", "🗼 {}", "👩‍🚀 {}", "1️⃣ {}", "→ {}", "1. {}", "1) {}", "(1) {}", "1 - {}", "1 – {}", "1: {}",
    "#1 {}", "#1: {}", "１．{}", "1、{}", "1.{}", "No. 1 {}", "№ 1 {}", "Item 1: {}", "i. {}", "i) {}", "(i) {}", "a) {}",
    "A) {}", "(a) {}", "a. {}", "[1] {}", "01. {}", "31. {}", "- 1. {}", "\t- {}", "  1. {}", "  * {}  ", "**{}**", "__{}__",
    "*{}*", "_{}_", "***{}***", "`{}`", "~~{}~~", "**1. {}**", "**1.** {}", "1. **{}**", "- **{}**", "- `{}`", "\\- {}",
    "[{}](https://example.org/x_(y))", "[{}][1]", "[[{}]]", "![{}](a.png)", "{} [1]", "{}[^2]", '"{}"', "'{}'", "“{}”",
    "‘{}’", "«{}»", "« {} »", "„{}“", "「{}」", "《{}》", "＂{}＂", '"{}",', "{},", "{};", "{}.", "{}。", "{}、", "{}…", "{}...",
    "{} -", "<li>{}</li>", "<li><b>{}</b></li>", "{}<br>", "<p>{}</p>", "<item>{}</item>", '<a href="x">{}</a>', "{}\\",
    "\ufeff{}", "\u200f{}\u200e", "\x1b[1;32m{}\x1b[0m", "\x1b]0;title\x07{}", "{}\x00", "\x07{}", "{}\ud800", "```{}```",
    "name: {}", '"name": "{}",', "-{}", "*{}",
]  # fmt: skip


@pytest.mark.parametrize("form", MARKS)
def test_marks_and_markup_are_taken_off(form: str) -> None:
    """Every way of marking a list item leads to the bare item."""
    assert texts(form.format("Eiffel Tower") + "\n") == ["Eiffel Tower"]


SEQUENCES = [
    ("1. A1\n2. B1\n3. C1", ["A1", "B1", "C1"]),
    ("1: Ab\n2: Bc\n3: Cd", ["Ab", "Bc", "Cd"]),
    ("(1) Ab\n(2) Bc\n(3) Cd", ["Ab", "Bc", "Cd"]),
    ("#1 Ab\n#2 Bc\n#3 Cd", ["Ab", "Bc", "Cd"]),
    ("1 - Ab\n2 - Bc\n3 - Cd", ["Ab", "Bc", "Cd"]),
    ("i. Ab\nii. Bc\niii. Cd\niv. De\nv. Ef\nvi. Fg", ["Ab", "Bc", "Cd", "De", "Ef", "Fg"]),
    ("I. Ab\nII. Bc\nIII. Cd\nIV. De", ["Ab", "Bc", "Cd", "De"]),
    ("a) Ab\nb) Bc\nc) Cd", ["Ab", "Bc", "Cd"]),
    ("A. Ab\nB. Bc\nC. Cd", ["Ab", "Bc", "Cd"]),
    ("1. Museums\n1.1 Louvre\n1.2 Orsay\n2. Parks\n2.1 Monceau", ["Museums", "Louvre", "Orsay", "Parks", "Monceau"]),
    ("1 Ab\n2 Bc\n3 Cd\n4 De", ["1 Ab", "2 Bc", "Cd", "De"]),
    ("1 Samuel\n2 Samuel\n1 Kings\n2 Kings", ["1 Samuel", "2 Samuel", "1 Kings", "2 Kings"]),
    ("Bayern\nHertha\n1. FC Köln\n1. FC Nürnberg", ["Bayern", "Hertha", "1. FC Köln", "1. FC Nürnberg"]),
    ("1. Bayern\n2. Hertha\n3. 1. FC Köln", ["Bayern", "Hertha", "1. FC Köln"]),
    ("- Bayern\n- Hertha\n- 1. FC Köln", ["Bayern", "Hertha", "1. FC Köln"]),
    ("1. 747\n2. 1984\n3. 3D printing", ["747", "1984", "3D printing"]),
    ("1.\nEiffel Tower\n2.\nLouvre\n", ["Eiffel Tower", "Louvre"]),
    ("30. Notre-Dame Cathedral, 31. Notre-Dame de Paris, 32. Orsay", ["Notre-Dame Cathedral", "Notre-Dame de Paris", "Orsay"]),
    ("1. Eiffel Tower 2. Louvre 3. Orsay", ["Eiffel Tower", "Louvre", "Orsay"]),
    ("1) Eiffel Tower, 2) Louvre", ["Eiffel Tower", "Louvre"]),
    ("1. Rocky 3\n2. Saw 4", ["Rocky 3", "Saw 4"]),
    ("- Louvre\n\t- Mona Lisa\n    - Venus\n- Orsay", ["Louvre", "Mona Lisa", "Venus", "Orsay"]),
    ("Louvre\r\nOrsay\r\n\r\nPantheon", ["Louvre", "Orsay", "Pantheon"]),
    ("Louvre\rOrsay\x85Rodin\u2028Monet\u2029Pantheon\fDome", ["Louvre", "Orsay", "Rodin", "Monet", "Pantheon", "Dome"]),
    ("١. برج إيفل\n٢. اللوفر", ["برج إيفل", "اللوفر"]),
    ("1.埃菲尔铁塔\n2.卢浮宫", ["埃菲尔铁塔", "卢浮宫"]),
    ("Louvre\nI am legend.\nYou got mail.", ["Louvre", "I am legend", "You got mail"]),
    ("\\*nix\nC\\#", ["*nix", "C#"]),
    ("`&&`\n`||`\n`!`", ["&&", "||", "!"]),
    ("<b>\n<i>\n<video>", ["<b>", "<i>", "<video>"]),
    ("`<div>`\n`<br>`", ["<div>", "<br>"]),
    ("**Eiffel Tower**\n**Louvre**\n**Orsay**", ["Eiffel Tower", "Louvre", "Orsay"]),
    ("Tom &amp; Jerry\nR&amp;B\n&#233;clair\nAT&T", ["Tom & Jerry", "R&B", "éclair", "AT&T"]),
    ("<ul><li>Louvre</li><li>Orsay</li></ul>", ["Louvre", "Orsay"]),
    ("Louvre<br/>Orsay<br>Rodin", ["Louvre", "Orsay", "Rodin"]),
    ("- name: Louvre\n  description: a museum\n- name: Orsay", ["Louvre", "Orsay"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SEQUENCES)
def test_lines_are_read_in_the_light_of_the_lines_before(text: str, expected: list[str]) -> None:
    """Numbering, line ends and layouts of several lines lead to the items alone."""
    assert texts(text) == expected


SEVERAL = [
    ("Apple, Banana, Cherry, Fig", ["Apple", "Banana", "Cherry", "Fig"]),
    ("apple, banana, cherry", ["apple", "banana", "cherry"]),
    ("Apple, Banana, Cherry.", ["Apple", "Banana", "Cherry"]),
    ("Apple; Banana; Cherry", ["Apple", "Banana", "Cherry"]),
    ("Ham (smoked, cured), Cheese, Bread", ["Ham (smoked, cured)", "Cheese", "Bread"]),
    ('"Apple", "Banana", "Cherry"', ["Apple", "Banana", "Cherry"]),
    ("Apple, Banana, Cherry, Fig, and Grape", ["Apple", "Banana", "Cherry", "Fig", "Grape"]),
    ("リンゴ、バナナ、さくらんぼ", ["リンゴ", "バナナ", "さくらんぼ"]),
    ("تفاح، موز، كرز", ["تفاح", "موز", "كرز"]),
    ("苹果，香蕉，樱桃", ["苹果", "香蕉", "樱桃"]),
    ("[Apple, Banana, Cherry]", ["Apple", "Banana", "Cherry"]),
    ("Apple, Banana and Cherry", ["Apple, Banana and Cherry"]),
    ("Louvre\nAustin, Texas, USA", ["Louvre", "Austin, Texas, USA"]),
    ("1. Austin, Texas, USA", ["Austin, Texas, USA"]),
    ("Ann Lee, actor, producer, singer", ["Ann Lee, actor, producer, singer"]),
    ("Museums: Louvre, Orsay, Rodin, Dapper", ["Louvre", "Orsay", "Rodin", "Dapper"]),
    ("Here are five: Apple, Banana, Cherry, Fig, Kiwi", ["Apple", "Banana", "Cherry", "Fig", "Kiwi"]),
    ("Sure! Here you go: 1. Apple 2. Banana 3. Cherry", ["Apple", "Banana", "Cherry"]),
    (", ".join(f"Thing{i} x" for i in range(500)), [f"Thing{i} x" for i in range(500)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SEVERAL)
def test_a_line_of_several_items_is_cut_and_a_name_with_commas_is_not(text: str, expected: list[str]) -> None:
    """Three and more short, even parts are items of their own; qualifiers and names with "and" are not."""
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Springfield, Illinois, USA\nDover, Delaware, USA", ["Springfield, Illinois, USA", "Dover, Delaware, USA"]),
        ("Here are some cities:\n\nLyon, Rhône, France\n\nBonn, NRW, Germany\nOslo", ["Lyon, Rhône, France", "Bonn, NRW, Germany", "Oslo"]),
        ("Lyon, Rhône, France<br>Bonn, NRW, Germany", ["Lyon, Rhône, France", "Bonn, NRW, Germany"]),
        ("Louvre, Orsay, Rodin", ["Louvre", "Orsay", "Rodin"]),
        ("Louvre, Orsay, Rodin\n", ["Louvre", "Orsay", "Rodin"]),
        ("Louvre, Orsay, Rodin\n\nLet me know if you want more, longer, or other ones!", ["Louvre", "Orsay", "Rodin"]),
        ("Louvre, Orsay, Rodin\nPompidou", ["Louvre", "Orsay", "Rodin", "Pompidou"]),
        ("Louvre, Orsay, Rodin\nDapper, Cluny", ["Louvre", "Orsay", "Rodin", "Dapper, Cluny"]),
        ("Louvre, Orsay, Rodin\n1.", ["Louvre", "Orsay", "Rodin"]),
        ('Louvre, Orsay, Rodin\n["Dapper", "Cluny"]', ["Louvre", "Orsay", "Rodin", "Dapper", "Cluny"]),
        ("Louvre, Orsay, Rodin\n\nWant more, longer, or other ones?", ["Louvre", "Orsay", "Rodin"]),
        ("Tom, Dick, Harry\n\nFeel free to ask, anytime, anywhere!", ["Tom", "Dick", "Harry"]),
        ("Louvre, Orsay, Rodin\n## Parks, Gardens, Squares\nMonceau", ["Louvre", "Orsay", "Rodin", "Monceau"]),
        ("Louvre, Orsay, Rodin\n| Name, Town, Land | Description |\n|---|---|\n| Cluny | old |", ["Louvre", "Orsay", "Rodin", "Cluny"]),
        ("Louvre, Orsay, Rodin\n// a, b, c", ["Louvre", "Orsay", "Rodin"]),
        ("Louvre, Orsay, Rodin\n- Cluny, Dapper, Picasso", ["Louvre", "Orsay", "Rodin", "Cluny, Dapper, Picasso"]),
        ("Louvre, Orsay, Rodin\nPompidou: modern, large, blue", ["Louvre", "Orsay", "Rodin", "Pompidou"]),
        ("Paris, Lyon, Nice 1. Louvre 2. Orsay", ["Paris", "Lyon", "Nice", "1. Louvre 2. Orsay"]),
    ],
)  # fmt: skip
def test_a_first_line_of_three_parts_is_told_by_the_next(text: str, expected: list[str]) -> None:
    """Where the next line has as many parts each line is one item: a place with its region and country."""
    assert texts(text) == expected
    halves = [ItemParser() for _ in range(len(text) + 1)]
    for cut, parser in enumerate(halves):
        brought = (*parser.feed(text[:cut]).items, *parser.feed(text[cut:]).items, *parser.finish(complete=True).items)
        assert [item.text for item in brought] == expected


def test_a_first_line_of_three_parts_that_is_too_long_for_one_item_is_cut() -> None:
    """The bound on an item's length holds for it too: its parts are kept rather than nothing."""
    found = parse("Springfield, Illinois, USA\nDover, Delaware, USA", max_item_chars=20)
    assert [item.text for item in found.items] == ["Springfield", "Illinois", "USA", "Dover, Delaware, USA"]


def test_a_first_line_of_three_parts_comes_before_what_follows() -> None:
    """A thought, or markup, that comes behind the line is told behind its items."""
    parser = ItemParser()
    parser.feed("Louvre, Orsay, Rodin\n")
    behind = parser.feed("<think>hm</think>\n")
    assert [item.text for item in behind.items] == ["Louvre", "Orsay", "Rodin"]


def test_a_first_line_of_three_parts_is_not_lost_with_a_broken_answer() -> None:
    """What waits for a next line that never comes is told at the end, however the answer ended."""
    assert [item.text for item in parse("Louvre, Orsay, Rodin\nDap", complete=False).items] == [
        "Louvre",
        "Orsay",
        "Rodin",
    ]


DESCRIBED = [
    ("Eiffel Tower: an iron tower", ("Eiffel Tower", "an iron tower")),
    ("Eiffel Tower - a wrought-iron lattice tower", ("Eiffel Tower", "a wrought-iron lattice tower")),
    ("Eiffel Tower – A famous tower in Paris.", ("Eiffel Tower", "A famous tower in Paris.")),
    ("Eiffel Tower — built in 1889", ("Eiffel Tower", "built in 1889")),
    ("Eiffel Tower—iconic iron tower", ("Eiffel Tower", "iconic iron tower")),
    ("Eiffel Tower -- the landmark", ("Eiffel Tower", "the landmark")),
    ("Eiffel Tower (1889): an iron tower", ("Eiffel Tower (1889)", "an iron tower")),
    ("Louvre (French: le Louvre) - the museum", ("Louvre (French: le Louvre)", "the museum")),
    ("**Eiffel Tower**: Paris", ("Eiffel Tower", "Paris")),
    ("**Eiffel Tower:** Iconic Landmark", ("Eiffel Tower", "Iconic Landmark")),
    ("**Eiffel Tower** - Iconic Landmark", ("Eiffel Tower", "Iconic Landmark")),
    ("**Eiffel Tower** (1889) – Iconic Landmark", ("Eiffel Tower (1889)", "Iconic Landmark")),
    ("1. **Eiffel Tower**: *Iconic* Landmark", ("Eiffel Tower", "Iconic Landmark")),
    ("- *Eiffel Tower*: Iconic", ("Eiffel Tower", "Iconic")),
    ("- `map`: Applies", ("map", "Applies")),
    ('"Eiffel Tower": Landmark', ("Eiffel Tower", "Landmark")),
    ("“Heroes” – a song", ("Heroes", "a song")),
    ("Star Wars: A New Hope - the first film", ("Star Wars: A New Hope", "the first film")),
    ("Eiffel Tower: Iconic iron tower – built in 1889", ("Eiffel Tower", "Iconic iron tower – built in 1889")),
    ("| Eiffel Tower | iron tower |", ("Eiffel Tower", "iron tower")),
    ("Oxygen (O), which we breathe in", ("Oxygen (O)", "which we breathe in")),
    ("7. Calcium, known for strong bones", ("Calcium", "known for strong bones")),
    ("<dt>Louvre</dt><dd>A museum</dd>", ("Louvre", "A museum")),
    ("Tour: " + "a very long story " * 100, ("Tour", ("a very long story " * 100)[:499] + "…")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DESCRIBED)
def test_a_description_is_kept_apart_from_its_name(text: str, expected: tuple[str, str]) -> None:
    """What stands behind a name is cut off and kept where it reads like a description."""
    assert parse(text).items == (Item(*expected),)


def test_capitalised_tails_are_descriptions_once_most_lines_had_one() -> None:
    """A response that describes its items is believed to go on doing so, from the lines before alone."""
    before = "Louvre: a museum\nOrsay: a museum of art\nRodin: a small museum\n"
    assert parse(before + "Pantheon: Mausoleum").items[-1] == Item("Pantheon", "Mausoleum")
    assert (
        texts("Alien: Covenant\nStar Wars: Rogue One\nTron: Legacy\nPantheon: Mausoleum")[-1] == "Pantheon: Mausoleum"
    )


SPOKEN = [
    ("Sure! Here are 60 distinct attractions in Paris:", "preamble"),
    ("Sure!", "preamble"),
    ("Certainly, I can help with that.", "preamble"),
    ("Here is a list of attractions", "preamble"),
    ("Here's a list of 20 more items for you", "preamble"),
    ("Below is the list you asked for", "preamble"),
    ("The following are attractions in Paris", "preamble"),
    ("Attractions in Paris:", "preamble"),
    ("Voici 60 attractions :", "preamble"),
    ("以下是巴黎的景点：", "preamble"),
    ("One fruit on each line.", "preamble"),
    ("one item per line", "preamble"),
    ("As requested, 60 attractions", "preamble"),
    ("I've compiled a list of attractions for you", "preamble"),
    ("**Here are 60 attractions:**", "preamble"),
    ("## Section", "heading"),
    ("# Paris", "heading"),
    ("### **Museums**", "heading"),
    ("I hope this helps", "closing"),
    ("Hope this helps!", "closing"),
    ("Let me know if you need more.", "closing"),
    ("Note: These are only some of them.", "closing"),
    ("**Note:** This list is not exhaustive.", "closing"),
    ("Please note that prices may vary.", "closing"),
    ("…and many more", "closing"),
    ("... and many more!", "closing"),
    ("And many others.", "closing"),
    ("and so on...", "closing"),
    ("etc.", "closing"),
    ("These are just a few of the attractions", "closing"),
    ("Would you like me to continue?", "closing"),
    ("Shall I go on with 60 more?", "closing"),
    ("Enjoy your trip!", "closing"),
    ("(continued)", "closing"),
    ("End of list", "closing"),
    ("Total: 60", "closing"),
    ("I'm sorry, but I can't help with that.", "apology"),
    ("I’m sorry, but I can’t assist with that request.", "apology"),
    ("As an AI language model, I don't have opinions.", "apology"),
    ("I cannot provide a list of that kind.", "apology"),
    ("Unfortunately, I don't know more items.", "apology"),
    ("I apologize for the confusion.", "apology"),
    ("1. I'm sorry, but I can't assist with that.", "apology"),
    ("Paris is the capital of France and it has many attractions that people visit every year.", "prose"),
    ("I think that the following places would be nice to see.", "prose"),
    ("エッフェル塔はパリの中心部にある有名な観光名所であり、毎年何百万人もの観光客が訪れる場所として世界中で知られています。", "prose"),
    ("La ville de Paris est une destination touristique très appréciée par les voyageurs du monde entier.", "prose"),
    ("---", "empty"),
    ("***", "empty"),
    ("-", "empty"),
    ("!!!", "empty"),
    ("1.", "empty"),
    ("'' \"\"", "empty"),
    ("<ul>", "markup"),
    ("</table>", "markup"),
    ("// a comment", "markup"),
    ("x" * 201, "overlong"),
    ("<think>I should list things.</think>", "reasoning"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), SPOKEN)
def test_what_is_no_item_is_refused_with_its_reason(text: str, reason: str) -> None:
    """What the model says about its list is refused once, with a fixed word, and brings no item."""
    parsed = parse(text + "\n")
    assert parsed.items == ()
    assert [(refusal.reason, refusal.count) for refusal in parsed.refused] == [(reason, 1)]


def test_a_line_with_a_colon_after_items_is_a_heading() -> None:
    """Only before the first item such a line opens the answer."""
    assert reasons("Louvre\nParks:\nMonceau\n") == ["heading"]


@pytest.mark.parametrize(
    ("text", "items", "headings"),
    [
        ("**Museums**\n- Louvre\n- Orsay\n\n**Parks**\n- Monceau", ["Louvre", "Orsay", "Monceau"], ["Museums", "Parks"]),
        ("1. Museums:\n   - Louvre\n   - Orsay\n2. Parks:\n   - Monceau", ["Louvre", "Orsay", "Monceau"], ["Museums", "Parks"]),
        ("1. Louvre:\nA museum of art in the city.\n2. Orsay:\nAnother one of them here.", ["Louvre", "Orsay"], []),
        ("1. Louvre:\n2. Orsay:\n3. Rodin:\n", ["Louvre", "Orsay", "Rodin"], []),
        ("### 1. Louvre\nThe largest museum\n### 2. Orsay", ["Louvre", "The largest museum", "Orsay"], []),
        ("### 1. Museums\n- Louvre\n- Orsay\n", ["Louvre", "Orsay"], ["Museums"]),
        ("**Museums:**\nLouvre\nOrsay", ["Louvre", "Orsay"], []),
        ("| Name | Notes on it |\n|---|---|\n| Louvre | art |\n| Orsay | more |", ["Louvre", "Orsay"], ["Name", "|---|---|"]),
        ("| # | Name |\n|:-:|---|\n| 1 | Louvre |\n| 2 | **Orsay** |", ["Louvre", "Orsay"], ["# | Name", "|:-:|---|"]),
        ("|Louvre|art|\n|Orsay|more|", ["Louvre", "Orsay"], []),
        ("| Aircraft | Seats |\n|---|---|\n| 747 | 400 |", ["747"], ["Aircraft", "|---|---|"]),
        ("Name | City\n--- | ---\nLouvre | Paris", ["Louvre"], ["Name", "--- | ---"]),
        ("| Z | El |\n|--|--|\n| 1 | Hydrogen |\n| 2 | Helium |", ["Hydrogen", "Helium"], ["Z", "|--|--|"]),
    ],
)  # fmt: skip
def test_headings_and_table_headers_show_by_the_line_below(text: str, items: list[str], headings: list[str]) -> None:
    """A bold line above bullets, a numbered line with a colon above a sub-list and a row above a rule are no items."""
    parsed = parse(text)
    assert [item.text for item in parsed.items] == items
    assert [refusal.text for refusal in parsed.refused if refusal.reason == "heading"] == headings


def test_sentences_are_items_where_the_list_is_one_of_sentences() -> None:
    """Tips and facts are long; after a few such lines a long line is no prose."""
    tips = [f"Turn {word} the lights in every room of your house whenever you leave it." for word in ("off", "down", "out", "up", "on")]  # fmt: skip
    numbered = "".join(f"{i}. {tip}\n" for i, tip in enumerate(tips, 1))
    assert len(texts(numbered)) == 5
    assert len(texts("\n".join(tips))) == 2


def test_explanations_below_numbered_names_are_prose() -> None:
    """A sentence without a mark between marked names is none of them."""
    text = "1. Louvre\n2. Orsay\nA museum in an old station.\n3. Rodin\n- Known for its garden.\n"
    assert texts(text) == ["Louvre", "Orsay", "Rodin"]
    assert reasons(text) == ["prose", "prose"]


def test_overlong_text_is_shortened_in_its_refusal() -> None:
    """A refused text is kept with at most 200 characters, control characters removed."""
    (refusal,) = parse("\x1b[31mab" + "x" * 5000 + "\n").refused
    assert refusal.reason == "overlong"
    assert len(refusal.text) <= 200
    assert refusal.text.startswith("abxx")


def test_an_items_length_is_bounded_by_the_setting() -> None:
    """Exactly the longest item passes, one character more does not."""
    assert [i.text for i in parse("abcdefghij\nabcdefghijk\n", max_item_chars=10).items] == ["abcdefghij"]


@pytest.mark.parametrize("fence", ["```\n{}\n```\n", "```text\n{}\n```\nBye now\n", "~~~\n{}\n~~~\n"])
def test_fences_are_dropped_and_their_contents_parsed(fence: str) -> None:
    """Code fences are neither items nor refusals."""
    parsed = parse(fence.format("Louvre\nOrsay"))
    assert [item.text for item in parsed.items][:2] == ["Louvre", "Orsay"]
    assert parsed.refused == ()
