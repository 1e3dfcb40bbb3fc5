# ruff: noqa: RUF001 - answers are quoted with the typographic marks that models write
"""Whole answers in the manner of the models that give them, with everything the parser makes of them."""

from __future__ import annotations

import pytest

from producer.parser import ItemParser

GPT_CHATTY = """\
Sure! Here are 10 distinct attractions in Paris:

1. **Eiffel Tower** – An iconic wrought-iron lattice tower built in 1889.
2. **Louvre Museum** – The world's largest art museum, home to the *Mona Lisa*.
3. **Notre-Dame Cathedral** – A medieval Catholic cathedral.
4. **Arc de Triomphe** – Honors those who fought for France.
5. **Sacré-Cœur** – White-domed basilica on Montmartre.
6. **Musée d'Orsay** – Impressionist masterpieces in a former station.
7. **Sainte-Chapelle** – Stunning stained glass.
8. **Jardin du Luxembourg** – A beautiful park.
9. **Centre Pompidou** – Modern Art.
10. **Catacombs** – Underground Ossuary.

Let me know if you'd like more recommendations or details on any of these!
"""

GPT_SECTIONS = """\
Here's a list of programming languages, grouped by paradigm:

### **Systems**
- C
- C++
- Rust
- Zig

### **Functional**
- Haskell
- OCaml
- F#

### **Scripting**
- Python
- Perl
- .NET's PowerShell

---

*These are just a few of the many languages in use today.* Would you like me to continue?
"""

CLAUDE_PLAIN = """\
Eiffel Tower
Louvre Museum
Musée d'Orsay
Père Lachaise Cemetery
Île de la Cité
59 Rivoli
104 (Centquatre)
Parc des Buttes-Chaumont
Le Marais
St. Ouen Flea Market
"""

CLAUDE_OUTLINE = """\
# Museums in Paris

## Right Bank

**Art**
- Louvre
- Orangerie
- Jacquemart-André

**Science**
- Palais de la Découverte
- Cité des Sciences

## Left Bank

- Musée d'Orsay
- Musée Rodin
  - Garden of Sculptures
- Cluny

I've focused on museums that are open to the public. Some of them may require advance booking.
"""

GEMINI_BULLETS = """\
Okay, here's a list of 8 machine learning concepts:

*   **Supervised Learning:** Learning from labeled data.
*   **Unsupervised Learning:** Finding patterns without labels.
*   **Overfitting:** When a model memorizes the training data.
*   **Bias-Variance Tradeoff:** Balancing two kinds of error.
*   **Cross-Validation:** Resampling to estimate performance.
*   **Gradient Descent**
*   **ROC Curve (Receiver Operating Characteristic)**
*   **K-Means**

**Note:** This list is not exhaustive.
"""

GEMINI_JSON = """\
```json
{
  "items": [
    {"name": "Hydrogen", "description": "Lightest element, symbol \\"H\\""},
    {"name": "Helium", "description": "A noble gas"},
    {"name": "Lithium", "description": "Used in batteries"}
  ]
}
```
"""

GPT_TABLE = """\
Certainly! Below is a table of aircraft:

| # | Aircraft | Description |
|---|----------|-------------|
| 1 | Boeing 747 | A wide-body jet |
| 2 | **Airbus A380** | The largest airliner |
| 3 | Concorde | Supersonic \\| retired |

I hope this helps!
"""

REASONING = """\
<think>
Okay, the user wants chemical elements. Let me list:
1. Hydrogen
2. Helium
</think>

Hydrogen
Helium
Lithium
"""

ONE_LINE = "Apple, Banana, Cherry, Dragon Fruit, Elderberry, Fig, Grape, and Honeydew."

APOLOGY = """\
I'm sorry, but I can't provide that list.
As an AI language model, I don't have access to current data.
Is there anything else I can help you with?
"""

SMALL_LOOP = """\
Here are 60 distinct attractions in Paris:

1. The Eiffel Tower - The iconic iron lattice tower that stands 324 meters tall.
2. The Louvre Museum - Home to some of the world's most famous paintings.
3. The Arc de Triomphe
4. The Seine River
5. The Eiffel Tower
6. The Louvre Museum
7. The Arc de Triomphe
8. The Seine River
9. The Eiffel Tower
10. The Louvre Museum
11. The Arc de Triomphe
12. The Seine River
13. The Eiffel Tower
14. The Louvre Museum
15. The Arc de Triomphe
16. The Seine River
17. The Eiffel Tower
18. The Louvre Museum
19. The Arc de Tr"""

SMALL_COUNTER = "Arsenal\n" + "".join(f"Arsenaut {i}\n" for i in range(1, 61)) + "Arsenaut 6"

SMALL_RUN_ON = """\
28. The Pantheon
29. The Catacombs
30. Notre-Dame Cathedral, 31. Notre-Dame de Paris, 32. Notre-Dame de la Garde
33. Sacré-Cœur: The white basilica on the hill

La ville de Paris est une ville magnifique avec beaucoup de monuments et de musées à visiter chaque jour.
"""

JAPANESE = """\
以下はパリの観光名所のリストです：

1. エッフェル塔
2. ルーヴル美術館：世界最大級の美術館の一つです。
3. 「凱旋門」
４．モンマルトル
・ノートルダム大聖堂
"""

HTML_ANSWER = """\
<ul>
  <li>Tom &amp; Jerry</li>
  <li><strong>Bugs Bunny</strong>: a rabbit</li>
  <li>Daffy Duck<br></li>
</ul>
"""

CASES = [
    pytest.param(
        GPT_CHATTY,
        ["Eiffel Tower", "Louvre Museum", "Notre-Dame Cathedral", "Arc de Triomphe", "Sacré-Cœur", "Musée d'Orsay",
         "Sainte-Chapelle", "Jardin du Luxembourg", "Centre Pompidou", "Catacombs"],
        ["preamble", "closing"],
        id="gpt chatty",
    ),
    pytest.param(
        GPT_SECTIONS,
        ["C", "C++", "Rust", "Zig", "Haskell", "OCaml", "F#", "Python", "Perl", ".NET's PowerShell"],
        ["preamble", "heading", "heading", "heading", "empty", "closing"],
        id="gpt sections",
    ),
    pytest.param(CLAUDE_PLAIN, CLAUDE_PLAIN.split("\n")[:-1], [], id="claude plain"),
    pytest.param(
        CLAUDE_OUTLINE,
        ["Louvre", "Orangerie", "Jacquemart-André", "Palais de la Découverte", "Cité des Sciences", "Musée d'Orsay",
         "Musée Rodin", "Garden of Sculptures", "Cluny"],
        ["heading", "heading", "heading", "heading", "heading", "prose"],
        id="claude outline",
    ),
    pytest.param(
        GEMINI_BULLETS,
        ["Supervised Learning", "Unsupervised Learning", "Overfitting", "Bias-Variance Tradeoff", "Cross-Validation",
         "Gradient Descent", "ROC Curve (Receiver Operating Characteristic)", "K-Means"],
        ["preamble", "closing"],
        id="gemini bullets",
    ),
    pytest.param(GEMINI_JSON, ["Hydrogen", "Helium", "Lithium"], [], id="gemini json"),
    pytest.param(
        GPT_TABLE,
        ["Boeing 747", "Airbus A380", "Concorde"],
        ["preamble", "heading", "heading", "closing"],
        id="gpt table",
    ),
    pytest.param(REASONING, ["Hydrogen", "Helium", "Lithium"], ["reasoning"], id="reasoning"),
    pytest.param(
        ONE_LINE,
        ["Apple", "Banana", "Cherry", "Dragon Fruit", "Elderberry", "Fig", "Grape", "Honeydew"],
        [],
        id="one line",
    ),
    pytest.param(APOLOGY, [], ["apology", "apology", "closing"], id="apology"),
    pytest.param(
        SMALL_LOOP,
        ["The Eiffel Tower", "The Louvre Museum", "The Arc de Triomphe", "The Seine River"],
        ["preamble", "repetition", "cut_off"],
        id="small model loops",
    ),
    pytest.param(
        SMALL_COUNTER,
        ["Arsenal", *(f"Arsenaut {i}" for i in range(1, 7))],
        ["counter", "cut_off"],
        id="small model counts",
    ),
    pytest.param(
        SMALL_RUN_ON,
        ["The Pantheon", "The Catacombs", "Notre-Dame Cathedral", "Notre-Dame de Paris", "Notre-Dame de la Garde",
         "Sacré-Cœur"],
        ["prose"],
        id="small model runs on",
    ),
    pytest.param(
        JAPANESE,
        ["エッフェル塔", "ルーヴル美術館", "凱旋門", "モンマルトル", "ノートルダム大聖堂"],
        ["preamble"],
        id="japanese",
    ),
    pytest.param(HTML_ANSWER, ["Tom & Jerry", "Bugs Bunny", "Daffy Duck"], ["markup", "markup"], id="html"),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 17, 100_000])
@pytest.mark.parametrize(("answer", "items", "reasons"), CASES)
def test_an_answer_brings_its_items_and_nothing_else(
    answer: str, items: list[str], reasons: list[str], size: int
) -> None:
    """Every item of the answer, in order, and a refusal for each thing that is none."""
    parser = ItemParser()
    parts = [parser.feed(answer[at : at + size]) for at in range(0, len(answer), size)]
    parts.append(parser.finish(complete=answer.endswith(("\n", "."))))
    assert [item.text for part in parts for item in part.items] == items
    assert [refusal.reason for part in parts for refusal in part.refused] == reasons


def test_descriptions_of_an_answer_are_kept() -> None:
    """Descriptions stand beside their names, also the capitalised ones of a response that describes."""
    items = ItemParser().feed(GPT_CHATTY).items
    assert items[1].description == "The world's largest art museum, home to the Mona Lisa."
    assert [item.description for item in items[-2:]] == ["Modern Art.", "Underground Ossuary."]


def test_the_small_models_loop_can_be_stopped_early() -> None:
    """The parser says that the response only repeats itself before the tokens are spent."""
    parser = ItemParser()
    heard = 0
    for line in SMALL_LOOP.splitlines(keepends=True):
        heard += 1
        parser.feed(line)
        if parser.looping:
            break
    assert heard == 18  # the preamble, a blank line, four items and three times four repeats
