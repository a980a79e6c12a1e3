import type { CatalogModel } from '../../src/plan/catalog.js'
import { Effects, type Rule } from '../../src/plan/effects.js'

/** For `overrides`: effects of writes, without what one of the rules invalidates. */
export function withoutRule(left: string): { Effects: typeof Effects } {
  class Without extends Effects {
    override changed(model: CatalogModel): this {
      return left === 'every-write' ? this : super.changed(model)
    }
    override row(model: CatalogModel, id: string, rule: Rule): this {
      return left === rule ? this.changed(model) : super.row(model, id, rule)
    }
    override tag(tag: string): this {
      return left === 'parent' ? this : super.tag(tag)
    }
    override lists(model: CatalogModel): this {
      return left === 'moved' ? this : super.lists(model)
    }
    override unnamed(model: CatalogModel, rule: Rule): boolean {
      return left === rule ? false : super.unnamed(model, rule)
    }
    override links(link: string, ends: readonly CatalogModel[]): this {
      return left === 'link' ? this : super.links(link, ends)
    }
  }
  return { Effects: Without }
}
