/**
 * Scrolls through a million rows with as many elements as fit the window.
 *
 * Browsers limit an element's height (17 to 33 million pixels), so a longer list gets a shorter one's scroll bar: turning
 * the wheel moves by its own pixels, dragging the bar moves in proportion, and when scrolling rests the bar is put where
 * the rows are.
 */

const TALLEST_PX = 8_000_000;
const OVERSCAN_ROWS = 8;
const REST_MS = 140;

export class VirtualRows {
  /** Rows in the list. */
  total = 0;
  /** Pixels of the whole list above the window's upper edge. */
  top = 0;
  rowHeight;
  #scroller;
  #space;
  #body;
  #headHeight;
  #make;
  #fill;
  #shown;
  /** @type {Map<number, HTMLElement>} rows that have an element, by index */
  #elements = new Map();
  #scrollTop = 0;
  #resting = 0;
  /** Pixels that rows are above their place in the whole list; constant while the wheel is turned. */
  #offset = 0;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.scroller what scrolls
   * @param {HTMLElement} parts.space as tall as the list, inside it
   * @param {HTMLElement} parts.body holds the rows, inside `space`
   * @param {number} parts.headHeight of what sticks to the scroller's top
   * @param {number} parts.rowHeight
   * @param {() => HTMLElement} parts.make a row's element
   * @param {(element: HTMLElement, index: number) => void} parts.fill
   * @param {(first: number, last: number) => void} parts.shown told after each change of what is in the window
   */
  constructor({ scroller, space, body, headHeight, rowHeight, make, fill, shown }) {
    this.#scroller = scroller;
    this.#space = space;
    this.#body = body;
    this.#headHeight = headHeight;
    this.rowHeight = rowHeight;
    this.#make = make;
    this.#fill = fill;
    this.#shown = shown;
    scroller.addEventListener("scroll", this.#scrolled, { passive: true });
  }

  get #windowHeight() {
    return Math.max(this.rowHeight, this.#scroller.clientHeight - this.#headHeight);
  }

  /** The largest `top`. */
  get #end() {
    return Math.max(0, this.total * this.rowHeight - this.#windowHeight);
  }

  get #height() {
    return Math.min(TALLEST_PX, this.total * this.rowHeight);
  }

  /** Pixels of the list for a pixel of the scroll bar. */
  get #scale() {
    const most = this.#height - this.#windowHeight;
    return most > 0 ? Math.max(1, this.#end / most) : 1;
  }

  /** Rows that fit the window. */
  get windowRows() {
    return Math.max(1, Math.floor(this.#windowHeight / this.rowHeight));
  }

  /** @param {number} total @param {boolean} toStart whether it is another list */
  resize(total, toStart) {
    this.total = total;
    this.#space.style.blockSize = `${this.#height}px`;
    if (toStart) this.top = 0;
    this.top = Math.min(this.top, this.#end);
    this.#align();
    this.render(true);
  }

  /** @param {number} index of a row that is to be seen */
  reveal(index) {
    const start = index * this.rowHeight;
    if (start < this.top) this.top = start;
    else if (start + this.rowHeight > this.top + this.#windowHeight)
      this.top = start + this.rowHeight - this.#windowHeight;
    else return;
    this.#align();
    this.render();
  }

  /** @param {number} index @returns {HTMLElement | undefined} its element, where it has one */
  element(index) {
    return this.#elements.get(index);
  }

  #scrolled = () => {
    const { scrollTop } = this.#scroller;
    const moved = scrollTop - this.#scrollTop;
    if (moved === 0) return;
    this.#scrollTop = scrollTop;
    const scale = this.#scale;
    if (scale === 1) this.top = scrollTop;
    else if (Math.abs(moved) > 2 * this.#windowHeight) this.top = scrollTop * scale;
    else this.top += moved;
    this.top = Math.min(this.#end, Math.max(0, this.top));
    clearTimeout(this.#resting);
    this.#resting = setTimeout(this.#rest, REST_MS);
    const nearEdge =
      scrollTop < this.#windowHeight || this.#height - this.#windowHeight - scrollTop < this.#windowHeight;
    if (nearEdge && Math.abs(this.top / scale - scrollTop) > 1) this.#align();
    this.render();
  };

  /** What can wait until scrolling rests: the bar's place, and the elements' order for those who hear the rows. */
  #rest = () => {
    this.#align();
    this.render();
    const inOrder = [...this.#elements.keys()]
      .sort((a, b) => a - b)
      .map((index) => /** @type {HTMLElement} */ (this.#elements.get(index)));
    let next = this.#body.firstElementChild;
    for (const element of inOrder) {
      if (element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
  };

  /** Put the scroll bar where the rows are. */
  #align() {
    const wanted = Math.round(this.top / this.#scale);
    if (Math.abs(this.#scroller.scrollTop - wanted) >= 1) this.#scroller.scrollTop = wanted;
    this.#scrollTop = this.#scroller.scrollTop;
    if (this.#scale === 1) this.top = this.#scrollTop;
  }

  /** @param {boolean} [anew] whether rows that were there may have changed */
  render(anew = false) {
    const first = Math.max(0, Math.floor(this.top / this.rowHeight) - OVERSCAN_ROWS);
    const end = Math.min(this.total, Math.ceil((this.top + this.#windowHeight) / this.rowHeight) + OVERSCAN_ROWS);
    // Rows that stay keep their elements and their place, so that the browser paints only those that come.
    const free = [];
    for (const [index, element] of this.#elements) {
      if (index >= first && index < end) continue;
      this.#elements.delete(index);
      free.push(element);
    }
    const offset = this.top - this.#scrollTop;
    const moved = offset !== this.#offset;
    this.#offset = offset;
    for (let index = first; index < end; index += 1) {
      const there = this.#elements.get(index);
      const element = there ?? free.pop() ?? this.#body.appendChild(this.#make());
      if (!there) this.#elements.set(index, element);
      if (!there || anew) this.#fill(element, index);
      if (!there || anew || moved) element.style.top = `${index * this.rowHeight - offset}px`;
    }
    for (const element of free) element.remove();
    this.#shown(first, end - 1);
  }
}
