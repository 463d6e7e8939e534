/** A part of the panel that can be folded away, and stays as it was left. */
import { type ReactElement, type ReactNode, useId, useState, useSyncExternalStore } from "react";
import { usePanel } from "./context.ts";
import { Glyph } from "./glyph.tsx";

interface SectionProps {
  /** Key in the memory of open sections. */
  readonly name: string;
  readonly title: string;
  /** Said beside the title, open or not. */
  readonly summary?: string;
  readonly children: ReactNode;
}

export function Section({ name, title, summary, children }: SectionProps): ReactElement {
  const { sections } = usePanel();
  const isOpen = useSyncExternalStore(
    (listener) => sections.subscribe(listener),
    () => sections.isOpen(name),
  );
  const bodyId = useId();
  const toggle = () => sections.setOpen(name, !isOpen);
  return (
    <section className="mobula-Section">
      <h3 className="mobula-Section-heading">
        <button type="button" aria-expanded={isOpen} aria-controls={bodyId} onClick={toggle}>
          <Glyph name="caret" className={isOpen ? "mobula-Section-caret mobula-isOpen" : "mobula-Section-caret"} />
          <span className="mobula-Section-title">{title}</span>
          {summary && <span className="mobula-Section-summary">{summary}</span>}
        </button>
      </h3>
      <div id={bodyId} className="mobula-Section-body" hidden={!isOpen}>
        {isOpen && children}
      </div>
    </section>
  );
}

interface ListProps<T> {
  readonly items: readonly T[];
  /** Items shown before the reader asks for the rest. */
  readonly limit: number;
  readonly children: (items: readonly T[]) => ReactNode;
}

/** The first items of a long list, and a button for the rest. */
export function LimitedList<T>({ items, limit, children }: ListProps<T>): ReactElement {
  const { trans } = usePanel();
  const [isWhole, setWhole] = useState(false);
  const hidden = items.length - limit;
  return (
    <>
      {children(isWhole ? items : items.slice(0, limit))}
      {hidden > 0 && (
        <button type="button" className="mobula-Link" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? trans.__("Show fewer") : trans._n("Show %1 more", "Show %1 more", hidden)}
        </button>
      )}
    </>
  );
}
